"""A socket is written to by a task that lives only while there is something to say, and nothing keeps a closed one open."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from starlette.types import Message
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from adapters.websocket import frames
from adapters.websocket.close_codes import GOING_AWAY, IDLE, TOKEN_EXPIRED, TOO_SLOW, CloseCode
from adapters.websocket.outbox import Outbox
from entrypoints.api.services import Services
from entrypoints.api.socket import SocketEndpoint
from entrypoints.api.socket_frames import SocketFrames
from entrypoints.api.socket_session import SocketSession, SocketTimes
from tests.fakes.api_container import MemoryContainer
from tests.polling import eventually

AT_ONCE = SocketTimes(flush_s=0.0, close_s=0.0)


class Server:
    """The ASGI server's side of one socket. While it is not `writable` nothing that is sent gets through."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.error: Exception | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self._said: asyncio.Queue[Message] = asyncio.Queue()

    def say(self, text: str) -> None:
        self._said.put_nowait({"type": "websocket.receive", "text": text})

    def leave(self) -> None:
        self._said.put_nowait({"type": "websocket.disconnect", "code": 1005})

    async def receive(self) -> Message:
        return await self._said.get()

    async def send(self, message: Message) -> None:
        await self.writable.wait()
        if self.error is not None:
            raise self.error
        self.sent.append(message)

    @property
    def texts(self) -> list[str]:
        return [message["text"] for message in self.sent if message["type"] == "websocket.send"]

    @property
    def codes(self) -> list[int]:
        return [message["code"] for message in self.sent if message["type"] == "websocket.close"]


class ServerWithShortWay(Server):
    """Frames can be written to it directly as well, as bytes on the wire."""

    def __init__(self) -> None:
        super().__init__()
        self._reader = StreamReader()

    def takes_frames(self) -> bool:
        return self.writable.is_set() and self.error is None

    def write_frame(self, wire: bytes) -> None:
        self._reader.feed_data(wire)
        parsing = Frame.parse(self._reader.read_exact, mask=False)
        with pytest.raises(StopIteration) as parsed:
            next(parsing)
        assert self._reader.buffer == b""
        frame: Frame = parsed.value.value
        assert (frame.opcode, frame.fin) == (Opcode.TEXT, True)
        self.sent.append({"type": "websocket.send", "text": bytes(frame.data).decode()})


@pytest.fixture(params=[Server, ServerWithShortWay])
def server(request: pytest.FixtureRequest) -> Server:
    made: Server = request.param()
    return made


@pytest.fixture
def outbox() -> Outbox:
    return Outbox(lambda _: None)


def session_of(server: Server, outbox: Outbox, times: SocketTimes | None = None, expires_in_s: float = 60.0) -> SocketSession:
    return SocketSession(
        server.receive,
        server.send,
        outbox,
        SocketFrames(Services.of(MemoryContainer()), "ann", "request-1", outbox),
        expires_at=time.time() + expires_in_s,
        max_frame_bytes=1000,
        times=times or SocketTimes(),
        direct=server if isinstance(server, ServerWithShortWay) else None,
    )


@asynccontextmanager
async def running(session: SocketSession) -> AsyncIterator[asyncio.Task[CloseCode | None]]:
    task = asyncio.create_task(session.run())
    await settle()
    async with asyncio.timeout(10):
        yield task
        await task


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


PONGS = [frames.pong(number) for number in range(4)]
TEXTS = [pong.text for pong in PONGS]


@pytest.mark.parametrize("chars", [1, 100, 125, 126, 65_000, 65_536, 200_000])
async def test_a_frame_of_any_size_arrives_whole(server: Server, outbox: Outbox, chars: int) -> None:
    pong = frames.pong("x" * chars)
    async with running(session_of(server, outbox)):
        outbox.offer(pong)
        await settle()
        server.leave()
    assert server.texts == [pong.text]


async def test_a_short_way_out_takes_no_task(outbox: Outbox) -> None:
    server = ServerWithShortWay()
    async with running(session_of(server, outbox)):
        tasks = asyncio.all_tasks()
        outbox.offer(PONGS[0])
        assert asyncio.all_tasks() == tasks
        assert server.texts == TEXTS[:1]
        server.leave()


async def test_a_frame_that_cannot_be_written_closes_its_socket_and_disturbs_nobody_else(outbox: Outbox) -> None:
    class Broken(ServerWithShortWay):
        def write_frame(self, wire: bytes) -> None:
            raise RuntimeError(f"the handler is closed: {len(wire)} bytes")

    async with running(session_of(Broken(), outbox)):
        assert not outbox.offer(PONGS[0])
    assert outbox.is_closed


async def test_what_is_offered_while_a_task_writes_does_not_overtake_it(outbox: Outbox) -> None:
    server = ServerWithShortWay()
    async with running(session_of(server, outbox)):
        server.writable.clear()
        outbox.offer(PONGS[0])
        outbox.offer(PONGS[1])
        await settle()
        server.writable.set()  # it takes frames again, before the task that waits for it has run
        outbox.offer(PONGS[2])
        await settle()
        outbox.offer(PONGS[3])
        server.leave()
    assert server.texts == TEXTS


async def test_what_was_offered_before_and_what_is_offered_later_is_sent_in_order(server: Server, outbox: Outbox) -> None:
    outbox.offer(PONGS[0])
    async with running(session_of(server, outbox)):
        assert server.texts == TEXTS[:1]
        outbox.offer(PONGS[1])
        outbox.offer(PONGS[2])
        await settle()
        outbox.offer(PONGS[3])
        await settle()
        server.leave()

    assert server.texts == TEXTS


async def test_a_socket_with_nothing_to_say_has_no_writer(server: Server, outbox: Outbox) -> None:
    session = session_of(server, outbox)
    async with running(session):
        server.writable.clear()
        outbox.offer(PONGS[0])
        assert session._writer is not None
        server.writable.set()
        await settle()
        assert session._writer is None
        server.leave()


async def test_what_waits_behind_a_client_that_does_not_read_is_sent_when_it_reads_again(server: Server, outbox: Outbox) -> None:
    async with running(session_of(server, outbox)):
        server.writable.clear()
        for pong in PONGS:
            outbox.offer(pong)
            await settle()
        assert server.texts == []
        assert outbox.queued_bytes == sum(pong.size for pong in PONGS[1:])

        server.writable.set()
        await settle()
        server.leave()

    assert server.texts == TEXTS


async def test_what_is_queued_leaves_before_a_kind_close_and_the_close_frame_is_last(server: Server, outbox: Outbox) -> None:
    async with running(session_of(server, outbox)) as ended:
        server.writable.clear()
        outbox.offer(PONGS[0])
        outbox.offer(PONGS[1])
        outbox.close(GOING_AWAY)
        await settle()
        server.writable.set()

    assert await ended is GOING_AWAY
    assert server.texts == TEXTS[:2]
    assert server.sent[-1]["code"] == GOING_AWAY.code


@pytest.mark.parametrize("code", [GOING_AWAY, TOO_SLOW])
async def test_a_client_that_never_reads_again_keeps_no_socket_open(server: Server, outbox: Outbox, code: CloseCode) -> None:
    async with running(session_of(server, outbox, AT_ONCE)) as ended:
        server.writable.clear()
        outbox.offer(PONGS[0])
        await settle()
        outbox.close(code)

    assert await ended is code
    assert server.sent == []


@pytest.mark.parametrize("error", [OSError("it has left"), RuntimeError("a defect")])
async def test_a_socket_that_cannot_be_written_to_ends_as_one_whose_client_left(server: Server, outbox: Outbox, error: Exception) -> None:
    async with running(session_of(server, outbox)) as ended:
        server.error = error
        outbox.offer(PONGS[0])

    assert await ended is None
    assert outbox.is_closed
    assert server.codes == []


async def test_an_answer_is_sent_by_the_socket_that_was_asked(server: Server, outbox: Outbox) -> None:
    async with running(session_of(server, outbox)):
        server.say('{"type": "ping", "id": 0}')
        await settle()
        server.leave()

    assert server.texts == TEXTS[:1]


@pytest.mark.parametrize(
    ("times", "expires_in_s", "codes"),
    [(SocketTimes(idle_s=0.0), 60.0, [IDLE.code]), (SocketTimes(), -1.0, [TOKEN_EXPIRED.code]), (SocketTimes(), 60.0, [])],
    ids=["idle", "expired", "neither"],
)
async def test_only_a_socket_whose_time_is_over_is_closed(
    server: Server, outbox: Outbox, times: SocketTimes, expires_in_s: float, codes: list[int]
) -> None:
    session = session_of(server, outbox, times, expires_in_s)
    async with running(session):
        session.close_if_over()
        await settle()
        server.leave()

    assert server.codes == codes


async def test_nothing_of_the_handshake_is_kept_while_a_socket_is_open(server: Server) -> None:
    services = Services.of(MemoryContainer())
    token = services.tokens.issue("ann")
    state: dict[str, Any] = {"request_id": "request-1", "query_token": token}
    scope: dict[str, Any] = {
        "type": "websocket",
        "headers": [(b"sec-websocket-protocol", f"bearer, {token}".encode())],
        "subprotocols": ["bearer", token],
        "path_params": {"user_id": "ann"},
        "state": state,
    }
    server.say("connect")
    serving = asyncio.create_task(SocketEndpoint(services)(scope, server.receive, server.send))
    await eventually(lambda: server.texts)

    assert token not in repr(scope)
    server.leave()
    await serving
