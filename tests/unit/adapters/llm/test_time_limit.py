"""One timer for many waits."""

from __future__ import annotations

import asyncio

import pytest

from adapters.llm.time_limit import TimeLimit


def limit(*, in_s: float) -> TimeLimit:
    return TimeLimit(asyncio.get_running_loop().time() + in_s)


async def hang() -> None:
    await asyncio.Event().wait()


async def give(answer: str) -> str:
    return answer


async def test_what_comes_in_time_is_given() -> None:
    with limit(in_s=60) as time_limit:
        assert [await time_limit.wait(give(piece)) for piece in ("a", "b")] == ["a", "b"]


async def test_an_error_of_what_is_waited_for_passes() -> None:
    async def fail() -> None:
        raise OSError("cut")

    with limit(in_s=60) as time_limit, pytest.raises(OSError, match="cut"):
        await time_limit.wait(fail())


async def test_time_that_is_over_while_something_is_waited_for_ends_the_wait() -> None:
    ended = asyncio.Event()

    async def watched() -> None:
        try:
            await hang()
        finally:
            ended.set()

    with limit(in_s=0.01) as time_limit, pytest.raises(TimeoutError):
        await time_limit.wait(watched())
    assert ended.is_set()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # not cancelled any more


async def test_time_that_is_over_while_nothing_is_waited_for_disturbs_nobody_until_the_next_wait() -> None:
    is_over = asyncio.Event()
    with limit(in_s=0) as time_limit:
        await time_limit.wait(give("in time"))
        asyncio.get_running_loop().call_later(0.01, is_over.set)
        await is_over.wait()
        begun = False

        async def begin() -> None:
            nonlocal begun
            begun = True

        late = begin()
        with pytest.raises(TimeoutError):
            await time_limit.wait(late)
        late.close()
    assert not begun


async def test_a_cancellation_of_the_caller_is_no_timeout() -> None:
    waiting = asyncio.Event()

    async def call() -> None:
        with limit(in_s=60) as time_limit:
            waiting.set()
            await time_limit.wait(hang())

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
            await time_limit.wait(hang())

    def end_both(time_limit: TimeLimit) -> None:
        time_limit._end()
        caller.cancel()

    caller = asyncio.create_task(call())
    await asyncio.wait({caller})
    assert waiting.is_set()
    assert caller.cancelled()


async def test_a_wait_inside_of_a_timeout_of_the_callers_own_leaves_that_one_to_the_caller() -> None:
    with limit(in_s=60) as time_limit, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01) as callers_own:
            await time_limit.wait(hang())
    assert callers_own.expired()


async def test_the_timer_is_gone_with_the_context() -> None:
    with limit(in_s=0.01) as left:
        pass
    failed = limit(in_s=0.01)
    with pytest.raises(OSError, match="cut"), failed:
        raise OSError("cut")
    assert left._timer.cancelled()
    assert failed._timer.cancelled()
