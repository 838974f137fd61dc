"""`imcore chat`: a terminal client of the public API, nothing more."""

from __future__ import annotations

import asyncio
import getpass
import json
import sys
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from entrypoints.identity import Tokens, build_tokens
from entrypoints.settings import Settings, WrongSettingsError
from imcore.ids import new_id

HISTORY_SHOWN = 20
NO_USE_TO_RECONNECT = (4400, 4401, 4429)  # close codes: bad frames, token expired, too many connections


async def chat(settings: Settings, url: str, user: str | None, session: str | None) -> None:
    """Talk until the input ends. A lost connection is made anew and resumed.

    Raises:
        WrongSettingsError: nobody serves at `url`, or the server refuses the token.
    """
    token, user_id = await _identify(settings, url, user)
    session_id = user_id if session is None else f"{user_id}:{session}"
    terminal = _Terminal(user_id, session_id)
    parts = urlsplit(url)
    socket_url = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}{parts.path.rstrip('/')}/ws/{user_id}"
    lines = _lines()
    protocols = [Subprotocol("bearer"), Subprotocol(token)]
    try:
        async for socket in connect(socket_url, subprotocols=protocols, compression=None, max_size=None):
            try:
                if await terminal.talk(socket, lines):
                    return
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code in NO_USE_TO_RECONNECT:
                    raise WrongSettingsError(f"the server closed the connection: {closed.rcvd.reason} ({closed.rcvd.code})") from None
                terminal.note("connection lost, reconnecting")
    except InvalidStatus as refused:
        raise WrongSettingsError(f"--url {url}: {_problem(refused.response.body)}") from None
    except OSError as error:
        raise WrongSettingsError(f"--url {url}: nobody serves there ({error}); start `imcore serve`.") from None


class _Terminal:
    """What is on the screen: the history, then each line said and its reply as it streams in."""

    def __init__(self, user_id: str, session_id: str) -> None:
        self._user_id = user_id
        self._session_id = session_id
        self._after_seq = 0
        self._shown: dict[str, str] = {}
        self._greeted = False
        self._unanswered: dict[str, str] | None = None

    async def talk(self, socket: ClientConnection, lines: AsyncIterator[str]) -> bool:
        """Returns True when the input has ended and every reply was shown."""
        await socket.send(json.dumps({"type": "resume", "session_id": self._session_id, "after_seq": self._after_seq}))
        while (frame := json.loads(await socket.recv()))["type"] != "resumed":
            pass
        self._show_resumed(frame)
        for reply in frame["replies"]:
            await self._show_reply(socket, reply["record_id"])
        if self._unanswered is not None:
            await self._say(socket, self._unanswered)
        async for line in lines:
            if line.strip():
                self._unanswered = {"message_id": new_id(), "session_id": self._session_id, "msg_content": line}
                await self._say(socket, self._unanswered)
        return True

    def note(self, text: str) -> None:
        print(f"\n[{text}]", file=sys.stderr)

    def _show_resumed(self, frame: dict[str, Any]) -> None:
        if not self._greeted:
            print(f"You are {self._user_id}, session {self._session_id}. Ctrl-D ends.")
            self._greeted = True
        for message in frame["messages"][-HISTORY_SHOWN:]:
            if message["message_id"] not in self._shown:
                print(f"{'AI' if message['msg_type'] == 'AI_REPLY' else 'you'}: {message['msg_content']}")
            self._after_seq = message["seq"]

    async def _say(self, socket: ClientConnection, message: dict[str, str]) -> None:
        """Send and show the reply; after a lost connection the same `message_id` is said again, which is stored once."""
        await socket.send(json.dumps({"type": "message.send", **message}))
        while True:
            frame = json.loads(await socket.recv())
            if frame["type"] == "message.accepted":
                self._unanswered = None
                return await self._show_reply(socket, frame["record_id"])
            if frame["type"] in {"message.rejected", "error"}:
                self._unanswered = None
                return self.note(frame["error"]["detail"])

    async def _show_reply(self, socket: ClientConnection, record_id: str) -> None:
        shown = ""
        print("AI: ", end="", flush=True)
        while True:
            frame = json.loads(await socket.recv())
            if frame.get("record_id") != record_id:
                continue
            if frame["type"] == "reply.delta":
                text = shown[: frame["offset"]] + frame["text"]
                if not text.startswith(shown):
                    print("\n[begun anew]\nAI: ", end="")
                    shown = ""
                print(text[len(shown) :], end="", flush=True)
                shown = text
            elif frame["type"] == "reply.completed":
                message = frame["message"]
                print(message["msg_content"][len(shown) :])
                self._shown[message["message_id"]] = shown
                self._after_seq = max(self._after_seq, message["seq"])
                return None
            elif frame["type"] in {"reply.failed", "reply.cancelled"}:
                print()
                return self.note(frame["error"]["detail"] if "error" in frame else "cancelled")


async def _identify(settings: Settings, url: str, user: str | None) -> tuple[str, str]:
    """(token, user id): signed here where the server's secret is at hand, else a guest's."""
    if user is not None or settings.jwt_secret or (settings.data_dir / "jwt-secret").exists():
        user_id = user or getpass.getuser()
        tokens: Tokens = build_tokens(settings)
        return tokens.issue(user_id), user_id
    try:
        async with httpx.AsyncClient() as client:
            answer = await client.post(f"{url.rstrip('/')}/api/auth/guest")
    except httpx.HTTPError as error:
        raise WrongSettingsError(f"--url {url}: nobody serves there ({error}); start `imcore serve`.") from None
    if answer.status_code != httpx.codes.OK:
        raise WrongSettingsError("--user: the server gives no guest tokens; set IM_JWT_SECRET to its secret and name a user.")
    return answer.json()["token"], answer.json()["user_id"]


async def _lines() -> AsyncIterator[str]:
    prompt = "you: " if sys.stdin.isatty() else ""
    while True:
        try:
            yield await asyncio.to_thread(input, prompt)
        except EOFError:
            return


def _problem(body: bytes | bytearray | None) -> str:
    try:
        return str(json.loads(body or b"")["detail"])
    except (ValueError, KeyError, TypeError):
        return "the server refused the connection"
