"""One timer looks after all open sockets, and none runs while there is no socket."""

from __future__ import annotations

import asyncio

from entrypoints.api.socket_watch import SocketWatch


class Looked:
    """Notes each look; leaves at the first where `watch` is given. `again` is set at the second, or when it has left."""

    def __init__(self, watch: SocketWatch | None = None) -> None:
        self.again = asyncio.Event()
        self.looks = 0
        self._watch = watch

    def close_if_over(self) -> None:
        self.looks += 1
        if self._watch is not None:
            self._watch.remove(self)
        if self.looks > 1 or self._watch is not None:
            self.again.set()


async def test_every_socket_is_looked_at_again_and_again_until_it_is_removed() -> None:
    watch = SocketWatch(look_s=0.001)
    leaving, one, two = Looked(watch), Looked(), Looked()
    for socket in (leaving, one, two):
        watch.add(socket)

    async with asyncio.timeout(10):
        await one.again.wait()
        await two.again.wait()

    assert leaving.looks == 1


async def test_no_timer_runs_when_the_last_socket_has_left_and_one_does_when_another_comes() -> None:
    watch, first, second = SocketWatch(look_s=0.001), Looked(), Looked()
    watch.add(first)
    watch.remove(first)
    assert watch._timer is None

    watch.add(second)

    async with asyncio.timeout(10):
        await second.again.wait()
    assert first.looks == 0


async def test_no_timer_is_left_when_the_last_socket_leaves_at_a_look() -> None:
    watch = SocketWatch(look_s=0.001)
    leaving = Looked(watch)
    watch.add(leaving)
    async with asyncio.timeout(10):
        await leaving.again.wait()

    assert leaving.looks == 1
    assert watch._timer is None
