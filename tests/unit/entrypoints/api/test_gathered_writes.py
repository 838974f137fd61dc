"""What is written in one turn of the loop leaves as one piece, in order, and nothing of it is lost."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from entrypoints.api.gathered_writes import GATHERED_BYTES, GatheredWrites


class FakeTransport:
    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.ended: str | None = None

    def write(self, data: bytes) -> None:
        assert self.ended is None
        self.sent.append(data)

    def is_closing(self) -> bool:
        return self.ended is not None

    def write_eof(self) -> None:
        self.ended = "eof"

    def close(self) -> None:
        self.ended = "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def get_extra_info(self, name: str) -> str:
        return f"the {name}"


@pytest.fixture
async def socket() -> FakeTransport:
    return FakeTransport()


@pytest.fixture
async def gathered(socket: Any) -> GatheredWrites:
    return GatheredWrites(socket, asyncio.get_running_loop())


async def test_what_one_turn_writes_leaves_as_one_piece(gathered: GatheredWrites, socket: FakeTransport) -> None:
    gathered.write(b"head, ")
    gathered.writelines([b"body, ", b"tail"])
    assert socket.sent == []
    await asyncio.sleep(0)
    assert socket.sent == [b"head, body, tail"]


async def test_turns_leave_in_their_order(gathered: GatheredWrites, socket: FakeTransport) -> None:
    for number in (b"1", b"2", b"3"):
        gathered.write(number)
        await asyncio.sleep(0)
    assert socket.sent == [b"1", b"2", b"3"]


async def test_much_is_not_kept_back(gathered: GatheredWrites, socket: FakeTransport) -> None:
    gathered.write(b"x")
    gathered.write(b"y" * GATHERED_BYTES)
    assert len(socket.sent) == 1
    gathered.write(b"z")
    await asyncio.sleep(0)
    assert b"".join(socket.sent) == b"x" + b"y" * GATHERED_BYTES + b"z"


@pytest.mark.parametrize(("end", "ended"), [("close", "closed"), ("write_eof", "eof")])
async def test_what_was_written_is_sent_before_the_end(gathered: GatheredWrites, socket: FakeTransport, end: str, ended: str) -> None:
    gathered.write(b"last words")
    getattr(gathered, end)()
    assert (socket.sent, socket.ended) == ([b"last words"], ended)
    await asyncio.sleep(0)
    assert socket.sent == [b"last words"]


async def test_an_abort_drops_what_was_written(gathered: GatheredWrites, socket: FakeTransport) -> None:
    gathered.write(b"nobody reads this")
    gathered.abort()
    await asyncio.sleep(0)
    assert (socket.sent, socket.ended) == ([], "aborted")


async def test_nothing_is_written_to_a_connection_that_ended_meanwhile(gathered: GatheredWrites, socket: FakeTransport) -> None:
    gathered.write(b"nobody reads this")
    socket.abort()
    await asyncio.sleep(0)
    assert socket.sent == []


async def test_all_else_is_the_transports_own(gathered: GatheredWrites) -> None:
    assert gathered.get_extra_info("peername") == "the peername"
