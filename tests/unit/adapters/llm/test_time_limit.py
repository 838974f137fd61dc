"""One timer for many waits."""

from __future__ import annotations

import asyncio

import pytest

from adapters.llm.time_limit import TimeLimit


def limit(*, in_s: float) -> TimeLimit:
    return TimeLimit(asyncio.get_running_loop().time() + in_s)


async def hang() -> None:
    await asyncio.Event().wait()


async def test_what_comes_in_time_is_given() -> None:
    with limit(in_s=60) as time_limit:
        await asyncio.sleep(0)
        time_limit.pause()
        await asyncio.sleep(0)
        time_limit.resume()


async def test_an_error_of_what_is_waited_for_passes() -> None:
    with pytest.raises(OSError, match="cut"), limit(in_s=60):
        raise OSError("cut")


async def test_time_that_is_over_while_something_is_waited_for_ends_the_wait() -> None:
    ended = asyncio.Event()

    async def watched() -> None:
        try:
            await hang()
        finally:
            ended.set()

    with pytest.raises(TimeoutError), limit(in_s=0.01):
        await watched()
    assert ended.is_set()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # not cancelled any more


async def test_time_that_is_over_during_a_pause_disturbs_nobody_until_its_end() -> None:
    is_over = asyncio.Event()
    with limit(in_s=0) as time_limit:
        time_limit.pause()
        asyncio.get_running_loop().call_later(0.01, is_over.set)
        await is_over.wait()
        with pytest.raises(TimeoutError):
            time_limit.resume()


async def test_a_cancellation_during_a_pause_is_no_timeout() -> None:
    paused = asyncio.Event()

    async def call() -> None:
        with limit(in_s=0) as time_limit:
            time_limit.pause()
            asyncio.get_running_loop().call_later(0.01, paused.set)
            await hang()

    caller = asyncio.create_task(call())
    await paused.wait()
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()


async def test_a_cancellation_of_the_caller_is_no_timeout() -> None:
    waiting = asyncio.Event()

    async def call() -> None:
        with limit(in_s=60):
            waiting.set()
            await hang()

    caller = asyncio.create_task(call())
    await waiting.wait()
    caller.cancel()
    await asyncio.wait({caller})
    assert caller.cancelled()


async def test_a_cancellation_of_the_caller_counts_also_when_the_time_is_over_at_the_same_moment() -> None:
    waiting = asyncio.Event()

    async def call() -> None:
        with limit(in_s=60) as time_limit:
            asyncio.get_running_loop().call_soon(end_both, time_limit)
            waiting.set()
            await hang()

    def end_both(time_limit: TimeLimit) -> None:
        time_limit._end()
        caller.cancel()

    caller = asyncio.create_task(call())
    await asyncio.wait({caller})
    assert waiting.is_set()
    assert caller.cancelled()


async def test_a_wait_inside_of_a_timeout_of_the_callers_own_leaves_that_one_to_the_caller() -> None:
    with pytest.raises(TimeoutError), limit(in_s=60):
        async with asyncio.timeout(0.01) as callers_own:
            await hang()
    assert callers_own.expired()


async def test_the_timer_is_gone_with_the_context() -> None:
    with limit(in_s=0.01) as left:
        pass
    failed = limit(in_s=0.01)
    with pytest.raises(OSError, match="cut"), failed:
        raise OSError("cut")
    assert left._timer.cancelled()
    assert failed._timer.cancelled()
