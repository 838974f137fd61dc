"""Users of ejabberd in pairs: each sends, and sends the next once the other has received it. What was received must be in the archive."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Callable
from typing import cast

import asyncpg  # type: ignore[import-untyped]  # it ships no types

from loadtest.benchmarks.clients.dialect import text_of
from loadtest.benchmarks.clients.load import Load, gently, wait_until
from loadtest.benchmarks.clients.tally import Tally, now

HOST = "localhost"
PASSWORD = "benchmark"  # noqa: S105  # of a server that lives for seconds, on loopback

_STREAM = f"<stream:stream to='{HOST}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>"
_AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}</auth>"
_BIND = "<iq type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>"
_END = b"</message>"
_DRAIN_S = 30.0
_ARCHIVES = 2
"""The sender's and the receiver's."""


class EjabberdSends(Load):
    """An even number of `users`, user 0 with user 1 and so on; a message under way each. `archive_url` is ejabberd's database."""

    def __init__(self, tally: Tally, *, port: int, users: int, archive_url: str) -> None:
        super().__init__(tally)
        self._archive_url = archive_url
        self._users = [_User(self, number, port) for number in range(users)]

    async def connect(self) -> None:
        await gently(user.connect() for user in self._users)

    def start(self) -> None:
        for user in self._users:
            user.send()

    async def drained(self) -> None:
        """ejabberd waits for the archive before it delivers, but delivers too if the archive answers with an error: the rows tell."""
        await wait_until(lambda: not any(user.is_waiting for user in self._users), _DRAIN_S)
        archive = await asyncpg.connect(self._archive_url)
        rows = await archive.fetchval("SELECT count(*) FROM archive")
        await archive.close()
        sent = sum(user.sent for user in self._users)
        if rows != sent * _ARCHIVES or any(user.is_waiting for user in self._users):
            self.tally.fail(f"{rows} rows for {sent} messages, or some were not delivered")

    def close(self) -> None:
        for user in self._users:
            user.close()

    def peer_of(self, number: int) -> _User:
        return self._users[number ^ 1]


class _User:
    def __init__(self, load: EjabberdSends, number: int, port: int) -> None:
        self._load, self._number, self._port = load, number, port
        self._peer = f"user{number ^ 1}@{HOST}"
        self.sent, self.is_waiting = 0, False
        self._sent_at = 0.0
        self._connection: _Connection | None = None

    async def connect(self) -> None:
        """Raises `ConnectionError` if the server refuses."""
        loop = asyncio.get_running_loop()
        made = lambda: _Connection(self._hear, self._load.tally.fail)  # noqa: E731
        _, self._connection = await loop.create_connection(made, "127.0.0.1", self._port)
        await self._connection.ask(_STREAM, b"</stream:features>")
        await self._connection.ask(_AUTH.format(b64encode(f"\0user{self._number}\0{PASSWORD}".encode()).decode()), b"<success")
        await self._connection.ask(_STREAM, b"</stream:features>")
        await self._connection.ask(_BIND, b"</iq>")
        await self._connection.ask("<presence/>", b"<presence")  # now messages come here

    def send(self) -> None:
        assert self._connection is not None  # noqa: S101  # connected before the start
        self.sent, self.is_waiting, self._sent_at = self.sent + 1, True, now()
        self._connection.send(f"<message type='chat' id='{self.sent}' to='{self._peer}'><body>{text_of(self.sent)}</body></message>")

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _hear(self, stanza: bytes) -> None:
        self._load.peer_of(self._number).delivered(stanza)

    def delivered(self, stanza: bytes) -> None:
        """The other has this from the server; `stanza-id` is the message's place in the other's archive."""
        tally, self.is_waiting = self._load.tally, False
        if all(part in stanza for part in (b"type='chat'", b"<body>m%d " % self.sent, b"<stanza-id ")):
            tally.count("sends")
            tally.time("accept", now() - self._sent_at)
        else:
            tally.fail(stanza.decode())
        if not self._load.is_stopped:
            self.send()


class _Connection(asyncio.Protocol):
    """An XMPP stream: questions and answers until `ask` is called no more, messages from then on."""

    def __init__(self, on_message: Callable[[bytes], None], on_lost: Callable[[str], None]) -> None:
        self._on_message, self._on_lost = on_message, on_lost
        self._received = self._until = b""
        self._answered: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    async def ask(self, request: str, until: bytes) -> None:
        """Wait for these words. Raises `ConnectionError` if they do not come."""
        self._received, self._until = b"", until
        self._answered = asyncio.get_running_loop().create_future()
        self.send(request)
        await self._answered
        self._answered = None

    def send(self, stanza: str) -> None:
        assert self._transport is not None  # noqa: S101  # connected before it is handed out
        self._transport.write(stanza.encode())

    def close(self) -> None:
        self._on_lost = _ignore
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(ConnectionError(f"the server closed a stream: {exc}"))
        self._on_lost(f"the server closed a stream: {exc}")

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answered is None:
            *messages, self._received = self._received.split(_END)
            for message in messages:
                self._on_message(message)
        elif not self._answered.done():
            if self._until in self._received:
                self._answered.set_result(None)
            elif b"<failure" in self._received or b"<stream:error" in self._received:
                self._answered.set_exception(ConnectionError(self._received.decode()))


def _ignore(reason: str) -> None:
    del reason
