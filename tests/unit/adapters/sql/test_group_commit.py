from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from adapters.sql.group_commit import GroupCommit
from imcore.errors import ForbiddenError, StoreUnavailableError


class Ledger:
    """Commits numbers; the batch that holds `poison` cannot be written. Each commit waits for `open` to be set."""

    def __init__(self, *, poison: int | None = None, away: bool = False) -> None:
        self.batches: list[list[int]] = []
        self.open = asyncio.Event()
        self.begun = asyncio.Event()
        self._poison = poison
        self._away = away

    async def commit(self, items: Sequence[int]) -> list[str | Exception]:
        self.begun.set()
        await self.open.wait()
        if self._away:
            raise StoreUnavailableError("away")
        if self._poison in items:
            raise ValueError("poison")
        self.batches.append(list(items))
        return [ForbiddenError("negative") if item < 0 else f"kept {item}" for item in items]


async def test_callers_that_come_during_a_commit_share_the_next_one() -> None:
    ledger = Ledger()
    group = GroupCommit(ledger.commit)
    first = group.submit(1)
    await ledger.begun.wait()
    others = [group.submit(number) for number in (2, 3, 4)]
    await asyncio.sleep(0)
    ledger.open.set()
    assert await asyncio.gather(first, *others) == ["kept 1", "kept 2", "kept 3", "kept 4"]
    assert ledger.batches == [[1], [2, 3, 4]]


async def test_nobody_is_answered_before_the_commit() -> None:
    ledger = Ledger()
    task = GroupCommit(ledger.commit).submit(1)
    await ledger.begun.wait()
    assert not task.done()
    ledger.open.set()
    assert await task == "kept 1"


async def test_a_batch_has_a_largest_size() -> None:
    ledger = Ledger()
    ledger.open.set()
    group = GroupCommit(ledger.commit, max_items=3)
    await asyncio.gather(*(group.submit(number) for number in range(7)))
    assert ledger.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_an_error_among_the_answers_is_raised_at_its_own_caller() -> None:
    ledger = Ledger()
    ledger.open.set()
    group = GroupCommit(ledger.commit)
    answers = await asyncio.gather(*(group.submit(number) for number in (1, -2, 3)), return_exceptions=True)
    assert answers[0] == "kept 1"
    assert isinstance(answers[1], ForbiddenError)
    assert answers[2] == "kept 3"


@pytest.mark.parametrize("poison", range(9))
async def test_an_item_that_cannot_be_written_fails_alone(poison: int) -> None:
    ledger = Ledger(poison=poison)
    ledger.open.set()
    group = GroupCommit(ledger.commit)
    answers = await asyncio.gather(*(group.submit(number) for number in range(9)), return_exceptions=True)
    assert [number for number, answer in enumerate(answers) if isinstance(answer, ValueError)] == [poison]
    assert sorted(number for batch in ledger.batches for number in batch) == [number for number in range(9) if number != poison]


async def test_all_callers_of_a_batch_hear_that_the_store_is_away() -> None:
    ledger = Ledger(away=True)
    ledger.open.set()
    group = GroupCommit(ledger.commit)
    answers = await asyncio.gather(*(group.submit(number) for number in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailableError] * 3


async def test_callers_that_went_away_before_the_commit_are_left_out_and_those_during_it_are_ignored() -> None:
    ledger = Ledger()
    group = GroupCommit(ledger.commit)
    tasks = [group.submit(number) for number in range(2)]
    await ledger.begun.wait()
    late = [group.submit(number) for number in (2, 3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    late[0].cancel()
    await asyncio.sleep(0)
    ledger.open.set()
    assert await tasks[0] == "kept 0"
    assert await late[1] == "kept 3"
    assert ledger.batches == [[0, 1], [3]]


async def test_closing_answers_what_was_accepted_and_refuses_the_rest() -> None:
    ledger = Ledger()
    group = GroupCommit(ledger.commit)
    task = group.submit(1)
    await ledger.begun.wait()
    closing = asyncio.create_task(group.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreUnavailableError):
        await group.submit(2)
    ledger.open.set()
    await closing
    assert await task == "kept 1"


async def test_a_new_batch_is_begun_after_a_quiet_time() -> None:
    ledger = Ledger()
    ledger.open.set()
    group = GroupCommit(ledger.commit)
    assert await group.submit(1) == "kept 1"
    assert await group.submit(2) == "kept 2"
    await group.close()
    assert ledger.batches == [[1], [2]]


async def test_a_batch_that_gathers_is_begun_as_soon_as_enough_wait() -> None:
    ledger = Ledger()
    ledger.open.set()
    group = GroupCommit(ledger.commit, gather_s=3600.0, enough_items=3)
    answers = [group.submit(number) for number in (1, 2)]
    await asyncio.sleep(0)
    assert not ledger.begun.is_set()
    await asyncio.gather(*answers, group.submit(3))
    again = [group.submit(number) for number in (4, 5, 6)]
    await asyncio.gather(*again)
    assert ledger.batches == [[1, 2, 3], [4, 5, 6]]


async def test_a_batch_that_gathers_is_begun_when_its_time_is_over_or_the_store_is_closed() -> None:
    ledger = Ledger()
    ledger.open.set()
    soon, never = GroupCommit(ledger.commit, gather_s=0.001), GroupCommit(ledger.commit, gather_s=3600.0)
    assert await soon.submit(1) == "kept 1"
    kept = never.submit(2)
    await asyncio.sleep(0)
    await never.close()
    assert await kept == "kept 2"
