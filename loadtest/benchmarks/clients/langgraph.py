"""Users of LangGraph's server in conversation: each has a thread, sends by starting a run in it, and reads the run's events to the end."""

from __future__ import annotations

import asyncio
from typing import cast

import httptools
import orjson

from loadtest.benchmarks.clients.conversation import ConversationUser
from loadtest.benchmarks.clients.conversations import Conversations
from loadtest.benchmarks.clients.dialect import text_of
from loadtest.benchmarks.clients.http import HttpConnection, post
from loadtest.benchmarks.clients.tally import Tally

GRAPH = "chat"
_OK = 200


class LanggraphConversations(Conversations):
    """The loop of all conversations, with users of LangGraph. `expected` is the text of every reply."""

    def __init__(self, tally: Tally, *, port: int, users: int, expected: str) -> None:
        super().__init__(tally, port=port, users=0, service="langgraph")
        self._users = [LanggraphUser(f"user{number}", port, tally, expected) for number in range(users)]


class LanggraphUser(ConversationUser):
    """A send is accepted once the run's stream begins. A reply with any other text than the expected one is a failure and no reply."""

    _number = 0
    _path = _problem = ""
    _connection: _EventStreams | None = None

    async def connect(self) -> None:
        self._path = f"/threads/{await self._new_thread()}/runs/stream"
        loop = asyncio.get_running_loop()
        _, self._connection = await loop.create_connection(lambda: _EventStreams(self), "127.0.0.1", self.port)

    def send(self) -> None:
        assert self._connection is not None  # noqa: S101  # connected before
        self._number, self._problem = self._number + 1, ""
        message = f'{{"role":"user","content":"{text_of(self._number)}"}}'
        # Tokens and nothing else are streamed, and the state is stored once a run: the least that a chat needs.
        run = f'{{"assistant_id":"{GRAPH}","input":{{"messages":[{message}]}},"stream_mode":"messages-tuple","durability":"exit"}}'
        self._connection.send(post(self._path, run.encode()))

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    # What it hears

    def begun(self, status: int) -> None:
        if status == _OK:
            self.accepted()
        else:
            self._problem = f"answered with {status}"

    def event(self, name: bytes, data: bytes) -> None:
        if name == b"messages":
            message, _ = orjson.loads(data)
            if message["content"]:
                self.text += message["content"]
                self.token()
        elif name == b"error":
            self._problem = data.decode()

    def ended(self) -> None:
        if self._problem or self.text != self._expected:
            self.failed(self._problem or f"shown {self.text!r}")
        else:
            self.completed(self.text)  # it does not tell what it has stored

    def lost(self, problem: str) -> None:
        self.tally.fail(f"{self.user_id}: {problem}")

    async def _new_thread(self) -> str:
        """Raises `ConnectionError` if the server makes none."""
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        asking = HttpConnection(self.port, lambda status, body: answer.set_result((status, body)))
        await asking.connect()
        asking.send(post("/threads", b"{}"))
        status, body = await answer
        asking.close()
        if status != _OK:
            raise ConnectionError(f"the server refused a thread: {status} {body!r}")
        return str(orjson.loads(body)["thread_id"])


class _EventStreams(asyncio.Protocol):
    """A keep-alive connection; each answer is a stream of server-sent events, told to the user as they come."""

    def __init__(self, user: LanggraphUser) -> None:
        self._user = user
        self._parser = httptools.HttpResponseParser(self)
        self._received = b""
        self._is_closing = False
        self._transport: asyncio.Transport | None = None

    def send(self, request: bytes) -> None:
        assert self._transport is not None  # noqa: S101  # connected before it is handed out
        self._transport.write(request)

    def close(self) -> None:
        self._is_closing = True
        if self._transport is not None:
            self._transport.abort()

    # Called by the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._is_closing:
            self._user.lost(f"the server closed a connection: {exc}")

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    # Called by the parser

    def on_headers_complete(self) -> None:
        self._received = b""
        self._user.begun(self._parser.get_status_code())

    def on_body(self, body: bytes) -> None:
        *events, self._received = (self._received + body).split(b"\r\n\r\n")
        for event in events:
            head, _, data = event.partition(b"\r\ndata: ")
            self._user.event(head.removeprefix(b"event: "), data)

    def on_message_complete(self) -> None:
        self._user.ended()
