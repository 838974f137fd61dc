"""The timer wheel wakes everybody, in order, never too early."""

from __future__ import annotations

import asyncio
from random import Random

from loadtest.model.timer_wheel import TICK_S, TimerWheel


async def test_nobody_wakes_before_their_time_and_all_wake_in_order_of_ticks() -> None:
    wheel, clock, random = TimerWheel(), asyncio.get_running_loop().time, Random(1)
    begun, woken = clock(), []

    async def sleep(after_s: float) -> None:
        await wheel.until(begun + after_s)
        assert clock() >= begun + after_s
        woken.append(int((begun + after_s) / TICK_S))

    await asyncio.gather(*(sleep(random.uniform(0.01, 0.2)) for _ in range(200)))
    assert woken == sorted(woken)
    assert len(woken) == 200


async def test_a_time_that_is_over_is_not_waited_for() -> None:
    wheel = TimerWheel()
    asleep = asyncio.create_task(wheel.until(asyncio.get_running_loop().time() - 1))
    await asyncio.sleep(0)
    assert asleep.done()


async def test_a_sleeper_who_was_cancelled_disturbs_nobody_and_the_wheel_goes_on_after_a_rest() -> None:
    wheel, clock = TimerWheel(), asyncio.get_running_loop().time
    cancelled, other = (asyncio.create_task(wheel.until(clock() + 0.02)) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    await other
    await wheel.until(clock() + 0.02)
    assert cancelled.cancelled()
