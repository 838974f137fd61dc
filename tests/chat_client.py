"""A user with a WebSocket who never gives up: reconnects, resumes, sends again, and remembers all that was acknowledged or told."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from imcore.ids import new_id, reply_message_id

Frame = dict[str, Any]

AGAIN_S = 0.3
ENDS = {"reply.completed", "reply.failed", "reply.cancelled"}


@dataclass(slots=True)
class Shown:
    """What the user sees of one reply. Times are `time.monotonic()`."""

    attempt: int = 0
    text: str = ""
    first_at: float = 0.0
    ended_at: float = 0.0
    ends: list[Frame] = field(default_factory=list)


class ChatClient:
    """`urls` are API processes; each new connection goes to the next one.

    `violations` lists what must never happen: a gap in a text, a completed text that is not the one shown, two different ends, a reply out
    of order.
    """

    def __init__(self, urls: Sequence[str], user_id: str, token: str, *, session_id: str | None = None) -> None:
        self._urls = urls
        self._user_id = user_id
        self._token = token
        self.session_id = session_id or user_id
        self.accepted: dict[str, str] = {}
        self.rejected: list[Frame] = []
        self.sent_at: dict[str, float] = {}
        self.accepted_at: dict[str, float] = {}
        self.shown: dict[str, Shown] = {}
        self.completed: list[str] = []
        self.violations: list[str] = []
        self.frames: list[Frame] = []
        self.resumes = 0
        self.not_recovered = 0
        self.connections = 0
        self._unsent: dict[str, Frame] = {}
        self._after_seq = 0
        self._socket: ClientConnection | None = None
        self._is_resumed = False
        self._news = asyncio.Event()
        self._again: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[ChatClient]:
        """Connected, whatever happens, until the block ends."""
        running = asyncio.create_task(self._run())
        try:
            await self.until(lambda: self.resumes > 0)
            yield self
        finally:
            running.cancel()
            for task in self._again:
                task.cancel()
            with suppress(asyncio.CancelledError):
                await running

    async def send(self, text: str, message_id: str | None = None) -> str:
        """Have it accepted, however often it must be sent; returns the record's id."""
        message_id = message_id or new_id()
        frame = {"type": "message.send", "message_id": message_id, "session_id": self.session_id, "msg_content": text}
        self._unsent[message_id] = frame
        self.sent_at[message_id] = time.monotonic()
        await self._say(frame)
        await self.until(lambda: message_id in self.accepted)
        return self.accepted[message_id]

    async def ended(self, record_id: str) -> Shown:
        """The reply, once it has ended."""
        await self.until(lambda: bool(self.shown.get(record_id) and self.shown[record_id].ends))
        return self.shown[record_id]

    async def say(self, frame: Frame) -> None:
        """Any frame, now."""
        await self._say(frame)

    async def drop(self) -> None:
        """Cut the connection, as a train in a tunnel does."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def until(self, met: Callable[[], bool], timeout_s: float = 90) -> None:
        async with asyncio.timeout(timeout_s):
            while not met():
                self._news.clear()
                await self._news.wait()

    async def _run(self) -> None:
        number = 0
        while True:
            url = self._urls[number % len(self._urls)].replace("http", "ws", 1)
            number += 1
            with suppress(OSError, ConnectionClosed, InvalidHandshake, TimeoutError):
                await self._stay(f"{url}/ws/{self._user_id}")
            self._socket = None
            await asyncio.sleep(0.1)

    async def _stay(self, url: str) -> None:
        protocols = [Subprotocol("bearer"), Subprotocol(self._token)]
        async with connect(url, subprotocols=protocols, compression=None, max_size=None, open_timeout=5) as socket:
            self._socket = socket
            self.connections += 1
            self._is_resumed = False
            await self._resume(socket)
            for frame in list(self._unsent.values()):
                await socket.send(json.dumps(frame))
            async for text in socket:
                await self._hear(json.loads(text))
                self._news.set()

    async def _resume(self, socket: ClientConnection) -> None:
        open_replies = [
            {"record_id": record_id, "attempt": shown.attempt, "offset": len(shown.text)}
            for record_id, shown in self.shown.items()
            if not shown.ends
        ]
        frame = {"type": "resume", "session_id": self.session_id, "after_seq": self._after_seq, "replies": open_replies}
        await socket.send(json.dumps(frame))

    async def _say(self, frame: Frame) -> None:
        with suppress(ConnectionClosed):
            if self._socket is not None:
                await self._socket.send(json.dumps(frame))

    async def _hear(self, frame: Frame) -> None:
        self.frames.append(frame)
        match frame["type"]:
            case "message.accepted":
                self._accept(frame)
            case "message.rejected":
                self._rejected(frame)
            case "error" if frame["about"] == "resume":
                self._later(self._resume_again)
            case "reply.started":
                self._begin(frame["record_id"], frame["attempt"])
            case "reply.delta":
                self._grow(frame)
            case "resumed":
                self._resumed(frame)
                if frame["more"]:
                    await self._resume_again()
            case kind if kind in ENDS:
                self._end(frame)

    def _accept(self, frame: Frame) -> None:
        message = frame["message"]
        self._unsent.pop(message["message_id"], None)
        self.accepted.setdefault(message["message_id"], frame["record_id"])
        self.accepted_at.setdefault(message["message_id"], time.monotonic())
        if self.accepted[message["message_id"]] != frame["record_id"]:
            self.violations.append(f"message {message['message_id']} has two records")
        self.shown.setdefault(frame["record_id"], Shown())

    def _rejected(self, frame: Frame) -> None:
        self.rejected.append(frame)
        again = self._unsent.get(frame["message_id"])
        if again is not None and frame["error"]["code"] in {"store_unavailable", "queue_full"}:
            self._later(partial(self._say, again))

    def _later(self, step: Callable[[], Awaitable[None]]) -> None:
        async def wait_and_do() -> None:
            await asyncio.sleep(AGAIN_S)
            await step()

        task = asyncio.create_task(wait_and_do())
        self._again.add(task)
        task.add_done_callback(self._again.discard)

    async def _resume_again(self) -> None:
        with suppress(ConnectionClosed):
            if self._socket is not None:
                await self._resume(self._socket)

    def _begin(self, record_id: str, attempt: int) -> None:
        shown = self.shown.setdefault(record_id, Shown())
        if attempt > shown.attempt:
            shown.attempt, shown.text = attempt, ""

    def _grow(self, frame: Frame) -> None:
        self._begin(frame["record_id"], frame["attempt"])
        shown = self.shown[frame["record_id"]]
        if shown.ends and frame["attempt"] <= shown.ends[-1]["attempt"]:
            return  # an end is final for its attempt
        if frame["attempt"] < shown.attempt:
            self.violations.append(f"a delta of attempt {frame['attempt']} after attempt {shown.attempt} began")
            return
        if frame["offset"] > len(shown.text):
            if not self._is_resumed:
                return  # missed while away: `resumed` will bring it
            self.violations.append(f"a gap in {frame['record_id']}: {len(shown.text)} characters shown, next is {frame['offset']}")
        shown.first_at = shown.first_at or time.monotonic()
        shown.text = shown.text[: frame["offset"]] + frame["text"]

    def _end(self, frame: Frame) -> None:
        shown = self.shown.setdefault(frame["record_id"], Shown())
        if shown.ends and shown.ends[0].get("message") != frame.get("message") and frame["attempt"] == shown.ends[0]["attempt"]:
            self.violations.append(f"{frame['record_id']} ended twice")
        message = frame.get("message")
        if message is not None:
            self._take(message)
            if frame["attempt"] == shown.attempt and not message["msg_content"].startswith(shown.text):
                self.violations.append(f"{frame['record_id']}: the text shown is not the one stored")
            shown.text = message["msg_content"]
        if frame["type"] == "reply.completed" and frame["record_id"] not in self.completed:
            self.completed.append(frame["record_id"])
        shown.ended_at = shown.ended_at or time.monotonic()
        shown.ends.append(frame)

    def _take(self, message: Frame) -> None:
        if message["session_id"] == self.session_id:
            self._after_seq = max(self._after_seq, message["seq"])

    def _resumed(self, frame: Frame) -> None:
        self.resumes += 1
        self._is_resumed = True
        self.not_recovered += not frame["recovered"]
        replies = {message["message_id"]: message for message in frame["messages"] if message["msg_type"] == "AI_REPLY"}
        for reply in frame["replies"]:
            self._begin(reply["record_id"], reply["attempt"])
            shown = self.shown[reply["record_id"]]
            if shown.attempt == reply["attempt"] and not (shown.ends and shown.ends[-1]["attempt"] >= reply["attempt"]):
                shown.text = reply["text"]
        for message in frame["messages"]:
            self._take(message)
        self._match(replies)

    def _match(self, replies: dict[str, Frame]) -> None:
        """Replies that were stored while this client was away."""
        for record_id, shown in self.shown.items():
            message = replies.get(reply_message_id(record_id))
            if message is not None and not shown.ends:
                self._end({"type": "reply.completed", "record_id": record_id, "attempt": shown.attempt, "message": message})
