"""The conversation that MessageStore.claim brings, over every adapter."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from imcore.chat_record import ReplyStatus
from imcore.clock import utc_now
from imcore.double_texting import DoubleTexting
from imcore.message import Message
from imcore.ports import Claimed, MessageStore
from imcore.prompt import MAX_WINDOW_MESSAGES
from tests.contracts.message_stores import LONG_S, RUN_OUT_S, TwoStores, a_send, answer, claim, claim_reply, lease_of, outcome, send

pytest_plugins = ["tests.contracts.message_stores"]

TEXTS = {
    "quotes": '"double", \'single\', `back`, ""',
    "backslashes": '\\ \\\\ \\n \\" \\u2028 \\x00 %s %(x)s :x {} []',
    "newlines": "\n\r\n\t\u2028\u2029\u0085\x0b\x0c\x1f\x7f ",
    "every script": "naïve 漢字かな 한국어 👩‍👩‍👧‍👦 \U0001d518 \u202e \ufeff \ufffd",
    "json": '{"a": [null, "b\\\\"], "c": "\\ud83d"}',
    "8000 emoji": "👍" * 8000,
    "8000 quotes": '"' * 8000,
}


def texts(lines: Iterable[Message]) -> list[str]:
    return [line.msg_content for line in lines]


async def window(store: MessageStore, session_id: str = "alice", *, history_messages: int = 20) -> list[str]:
    """What the next claim brings; its reply is handed back."""
    claimed = await claim_reply(store, session_id, history_messages=history_messages)
    await store.release(lease_of(claimed.record))
    return texts(claimed.window)


async def test_each_reply_follows_the_message_that_it_answers(message_store: MessageStore) -> None:
    for number in range(1, 4):
        await send(message_store, text=f"m{number}")
    await answer(message_store, text="r1")
    await answer(message_store, text="r2")
    assert await window(message_store) == ["m1", "r1", "m2", "r2", "m3"]


async def test_messages_after_the_one_to_be_answered_are_left_out(message_store: MessageStore) -> None:
    for number in range(1, 4):
        await send(message_store, text=f"m{number}")
    assert await window(message_store) == ["m1"]
    await answer(message_store, text="r1")
    assert await window(message_store) == ["m1", "r1", "m2"]


async def test_the_replies_to_later_messages_are_left_out_when_an_old_one_is_retried(message_store: MessageStore) -> None:
    first = await send(message_store, text="m1")
    await message_store.finish(outcome(await claim(message_store), ReplyStatus.FAILED, text=""))
    await send(message_store, text="m2")
    await answer(message_store, text="r2")
    await message_store.retry("alice", first.record.record_id)
    assert await window(message_store) == ["m1"]
    await answer(message_store, text="r1")
    await send(message_store, text="m3")
    assert await window(message_store) == ["m1", "r1", "m2", "r2", "m3"]


async def test_the_window_holds_the_newest_lines_that_lead_to_the_message(message_store: MessageStore) -> None:
    for number in range(1, 5):
        await send(message_store, text=f"m{number}")
        await answer(message_store, text=f"r{number}")
    await send(message_store, text="m5")
    assert await window(message_store, history_messages=1) == ["m5"]
    assert await window(message_store, history_messages=2) == ["r4", "m5"]
    assert await window(message_store, history_messages=5) == ["m3", "r3", "m4", "r4", "m5"]
    assert await window(message_store, history_messages=10) == ["m1", "r1", "m2", "r2", "m3", "r3", "m4", "r4", "m5"]


async def test_the_window_shows_its_own_session_only(message_store: MessageStore) -> None:
    await send(message_store, text="elsewhere", session_id="alice:work")
    await answer(message_store, "alice:work")
    await send(message_store, text="here")
    assert await window(message_store) == ["here"]


@pytest.mark.parametrize(("status", "lines"), [(ReplyStatus.FAILED, ["m1", "m2"]), (ReplyStatus.CANCELLED, ["m1", "half", "m2"])])
async def test_of_a_reply_that_broke_off_the_window_shows_what_it_left(
    message_store: MessageStore, status: ReplyStatus, lines: list[str]
) -> None:
    await send(message_store, text="m1")
    await message_store.finish(outcome(await claim(message_store), status, text="half"))
    await send(message_store, text="m2")
    assert await window(message_store) == lines


async def test_a_claim_that_takes_over_a_lease_that_ran_out_brings_the_window_too(message_store: MessageStore) -> None:
    await send(message_store, text="m1")
    await answer(message_store, text="r1")
    await send(message_store, text="m2")
    await claim(message_store, lease_s=RUN_OUT_S)
    assert await window(message_store) == ["m1", "r1", "m2"]


async def test_a_reply_follows_its_message_however_far_apart_they_were_stored(message_store: MessageStore) -> None:
    for number in range(1, 13):
        await send(message_store, text=f"m{number}")
    await answer(message_store, text="r1")
    assert await window(message_store, history_messages=3) == ["m1", "r1", "m2"]
    assert await window(message_store, history_messages=2) == ["r1", "m2"]


async def test_the_window_is_full_although_the_messages_of_the_newest_replies_lie_far_back(message_store: MessageStore) -> None:
    for number in range(1, 13):
        await send(message_store, text=f"m{number}")
    for number in range(1, 13):
        await answer(message_store, text=f"r{number}")
    await send(message_store, text="m13")
    assert await window(message_store, history_messages=4) == ["r11", "m12", "r12", "m13"]


@pytest.mark.parametrize("seed", range(3))
async def test_the_window_is_what_the_messages_and_their_records_say(message_store: MessageStore, seed: int) -> None:
    chance = random.Random(seed)
    for number in range(16):
        for _ in range(chance.choice((1, 1, 1, 4))):
            await send(message_store, text=f"m{number}")
        for _ in range(chance.choice((0, 1, 1, 3))):
            if (claimed := await message_store.claim("alice", lease_s=LONG_S)) is not None:
                status = chance.choice((ReplyStatus.SUCCESS, ReplyStatus.SUCCESS, ReplyStatus.FAILED, ReplyStatus.CANCELLED))
                await message_store.finish(outcome(lease_of(claimed.record), status, text=chance.choice(("", f"r{number}"))))
        if chance.random() < 0.2:
            page = await message_store.records("alice", limit=100)
            ended = [record for record in page.items if record.status in {ReplyStatus.FAILED, ReplyStatus.CANCELLED}]
            if ended:
                await message_store.retry("alice", chance.choice(ended).record_id)
    await send(message_store, text="last")
    for history_messages in (1, 2, 5, 20, 100):
        expected = await told_by_pages(message_store)
        assert await window(message_store, history_messages=history_messages) == expected[-history_messages:]


async def told_by_pages(store: MessageStore) -> list[str]:
    """The lines that lead to the oldest open record."""
    of_question = {record.user_message_id: record for record in (await store.records("alice", limit=100)).items}
    messages = await store.messages("alice", "alice", limit=200)
    by_id = {message.message_id: message for message in messages}
    lines = []
    for message in messages:
        record = of_question.get(message.message_id)
        if record is None:
            continue
        lines.append(message.msg_content)
        if record.is_open:
            return lines
        if record.ai_message_id is not None:
            lines.append(by_id[record.ai_message_id].msg_content)
    return lines


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
async def test_text_comes_back_in_the_window_as_it_was_sent(message_store: MessageStore, text: str) -> None:
    first = await send(message_store, text=text)
    reply = await answer(message_store, text=text)
    last = await send(message_store, text=text)
    claimed = await claim_reply(message_store)
    assert list(claimed.window) == [first.message, reply, last.message]
    assert texts(claimed.window) == [text] * 3
    assert list(claimed.window) == await message_store.messages("alice", "alice", limit=20)


async def test_times_come_back_in_the_window_as_they_were_stored(message_store: MessageStore) -> None:
    midnight = utc_now().replace(hour=0, minute=0, second=0, microsecond=0)
    for ms in (0, 1, 20, 300, 999, 60_000):
        then = midnight + timedelta(milliseconds=ms)
        message, record = a_send()
        await message_store.add(replace(message, created_at=then, updated_at=then), record)
        await message_store.finish(replace(outcome(await claim(message_store)), ended_at=then + timedelta(seconds=1)))
    await send(message_store)
    claimed = await claim_reply(message_store)
    assert list(claimed.window) == await message_store.messages("alice", "alice", limit=20)
    assert [line.created_at - midnight for line in claimed.window[:4:2]] == [timedelta(0), timedelta(milliseconds=1)]
    assert {time.tzinfo for line in claimed.window for time in (line.created_at, line.updated_at)} == {UTC}


async def test_claims_of_many_sessions_at_once_each_bring_their_own_window(two_stores: TwoStores) -> None:
    users = [f"user{number}" for number in range(20)]

    async def conversation(store: MessageStore, user: str, turns: int) -> list[str]:
        said = []
        for turn in range(turns):
            said += [f"{user} m{turn}", f"{user} r{turn}"]
            await send(store, user, text=said[-2])
            await answer(store, user, text=said[-1])
        await send(store, user, text=f"{user} last")
        return [*said, f"{user} last"]

    said = await asyncio.gather(*(conversation(two_stores[place % 2], user, place % 5) for place, user in enumerate(users)))
    claims = await asyncio.gather(
        *(claim_reply(two_stores[place % 2], user, history_messages=1 + place % 7) for place, user in enumerate(users))
    )
    assert [texts(claimed.window) for claimed in claims] == [lines[-(1 + place % 7) :] for place, lines in enumerate(said)]


async def test_claims_of_every_kind_at_once_bring_what_they_would_alone(message_store: MessageStore) -> None:
    users = ("waits", "ran out", "runs", "nothing", "merges", "shared", "waits too")
    await asyncio.gather(*(send(message_store, user, text=f"{user} 1") for user in users))
    await asyncio.gather(*(answer(message_store, user, text=f"{user} 2") for user in users))
    await asyncio.gather(*(send(message_store, user, text=f"{user} 3") for user in users if user != "nothing"))
    await asyncio.gather(*(send(message_store, user, text=f"{user} 4") for user in ("merges", "shared")))
    await claim(message_store, "runs")
    await claim(message_store, "ran out", lease_s=RUN_OUT_S)
    await claim_reply(message_store, "shared", lease_s=RUN_OUT_S, merge=True)

    async def claimed(user: str) -> list[str] | None:
        found = await message_store.claim(user, lease_s=LONG_S, history_messages=2, merge=user == "merges")
        return None if found is None else texts(found.window)

    windows = await asyncio.gather(*map(claimed, users))
    assert dict(zip(users, windows, strict=True)) == {
        "waits": ["waits 2", "waits 3"],
        "ran out": ["ran out 2", "ran out 3"],
        "runs": None,
        "nothing": None,
        "merges": ["merges 1", "merges 2", "merges 3", "merges 4"],
        "shared": ["shared 1", "shared 2", "shared 3", "shared 4"],
        "waits too": ["waits too 2", "waits too 3"],
    }


# merge


async def merged(store: MessageStore, *, lease_s: float = LONG_S) -> Claimed:
    """Three messages that share a reply."""
    for number in range(1, 4):
        await send(store, text=f"m{number}")
    return await claim_reply(store, lease_s=lease_s, merge=True)


async def test_the_window_of_a_group_ends_with_its_newest_message_and_shows_their_reply_once(message_store: MessageStore) -> None:
    claimed = await merged(message_store)
    assert texts(claimed.window) == ["m1", "m2", "m3"]
    await message_store.finish(outcome(lease_of(claimed.record), text="r123"))
    await send(message_store, text="m4")
    assert await window(message_store) == ["m1", "m2", "m3", "r123", "m4"]
    assert await window(message_store, history_messages=3) == ["m3", "r123", "m4"]


async def test_a_group_whose_writer_died_brings_all_its_messages_however_short_the_history(message_store: MessageStore) -> None:
    await merged(message_store, lease_s=RUN_OUT_S)
    await send(message_store, text="late")
    assert await window(message_store, history_messages=1) == ["m1", "m2", "m3"]


async def test_the_window_of_a_group_has_a_limit_of_its_own(message_store: MessageStore) -> None:
    await asyncio.gather(*(send(message_store, text=f"m{number}") for number in range(MAX_WINDOW_MESSAGES)))
    await message_store.add(*a_send(), double_texting=DoubleTexting.INTERRUPT)  # nobody waits for what was sent before
    await send(message_store)
    claimed = await claim_reply(message_store, history_messages=1, merge=True)
    assert len(claimed.group) == 2
    assert len(claimed.window) == MAX_WINDOW_MESSAGES
    assert list(claimed.window) == await message_store.messages("alice", "alice", limit=MAX_WINDOW_MESSAGES)
