"""MessageStore.add, over every adapter."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from imcore.chat_record import ReplyStatus
from imcore.errors import ForbiddenError, IMError, MessageConflictError, RateLimitedError
from imcore.ports import MessageStore, Stored
from tests.contracts.message_stores import TwoStores, a_send, answer, send

pytest_plugins = ["tests.contracts.message_stores"]

EVERYTHING = "naïve 漢字かな 한국어 👩‍👩‍👧‍👦 \U0001d518 \u202e \r\n\t'\"\\%s :x {} \ufffd"


async def test_a_send_is_stored_with_its_waiting_record(message_store: MessageStore) -> None:
    message, record = a_send()
    stored = await message_store.add(message, record)
    assert stored == Stored(
        replace(message, seq=stored.message.seq),
        replace(record, user_seq=stored.message.seq, updated_at=stored.record.updated_at),
        duplicate=False,
    )
    assert stored.message.seq > 0
    assert await message_store.message("alice", message.message_id) == stored.message
    assert await message_store.record("alice", record.record_id) == stored.record
    assert stored.record.status is ReplyStatus.PROCESSING


async def test_the_first_message_makes_the_session(message_store: MessageStore) -> None:
    assert await message_store.sessions("alice", limit=10) == []
    stored = await send(message_store, session_id="alice:work")
    [session] = await message_store.sessions("alice", limit=10)
    assert (session.session_id, session.user_id, session.last_seq) == ("alice:work", "alice", stored.message.seq)
    assert session.created_at == session.updated_at == stored.message.created_at


async def test_messages_get_growing_numbers_in_the_order_of_their_sending(message_store: MessageStore) -> None:
    sent = [(await send(message_store, text=str(number))).message for number in range(5)]
    assert [message.seq for message in sent] == sorted({message.seq for message in sent})
    assert await message_store.messages("alice", "alice", limit=10) == sent


async def test_sends_to_one_session_through_two_stores_get_different_numbers(two_stores: TwoStores) -> None:
    stored = await asyncio.gather(*(send(two_stores[number % 2]) for number in range(60)))
    assert sorted(one.message.seq for one in stored) == list(range(1, 61))
    [session] = await two_stores[0].sessions("alice", limit=1)
    assert session.last_seq == 60


async def test_a_reader_never_sees_a_number_before_a_smaller_one(two_stores: TwoStores) -> None:
    writer, reader = two_stores
    sending = asyncio.gather(*(send(writer) for _ in range(100)))
    seen: list[int] = []
    while not sending.done():
        fresh = await reader.messages("alice", "alice", after_seq=max(seen, default=0), limit=200)
        seen += [message.seq for message in fresh]
        await asyncio.sleep(0)
    await sending
    seen += [message.seq for message in await reader.messages("alice", "alice", after_seq=max(seen, default=0), limit=200)]
    assert seen == list(range(1, 101))


async def test_a_repeated_send_changes_nothing_and_returns_what_is_stored(message_store: MessageStore) -> None:
    message, record = a_send()
    first = await message_store.add(message, record)
    _, other_record = a_send()
    again = await message_store.add(message, replace(other_record, user_message_id=message.message_id))
    assert again == replace(first, duplicate=True)
    assert await message_store.messages("alice", "alice", limit=10) == [first.message]
    assert [*(await message_store.records("alice", limit=10)).items] == [first.record]
    [session] = await message_store.sessions("alice", limit=10)
    assert session.last_seq == first.message.seq


async def test_a_repetition_after_the_reply_returns_the_record_as_it_is_now(message_store: MessageStore) -> None:
    message, record = a_send()
    await message_store.add(message, record)
    await answer(message_store)
    again = await message_store.add(message, record)
    assert again.duplicate
    assert again.record.status is ReplyStatus.SUCCESS


async def test_sends_repeated_at_the_same_time_through_two_stores_are_stored_once(two_stores: TwoStores) -> None:
    wanted = [a_send(f"user{number % 5}", message_id=f"m{number}") for number in range(50)]
    sends = [two_stores[(number + copy) % 2].add(*a_copy) for copy in range(3) for number, a_copy in enumerate(wanted)]
    stored = await asyncio.gather(*sends)
    assert sum(not one.duplicate for one in stored) == 50
    assert len({(one.message, one.record.record_id) for one in stored}) == 50
    for user in range(5):
        kept = await two_stores[0].messages(f"user{user}", f"user{user}", limit=200)
        assert sorted(message.message_id for message in kept) == sorted(f"m{number}" for number in range(user, 50, 5))


@pytest.mark.parametrize("difference", ["content", "session", "sender"])
async def test_an_id_that_another_message_has_is_refused(message_store: MessageStore, difference: str) -> None:
    first = await message_store.add(*a_send(message_id="taken"))
    another = {
        "content": a_send(message_id="taken", text="something else"),
        "session": a_send(message_id="taken", session_id="alice:work"),
        "sender": a_send("bob", message_id="taken"),
    }[difference]
    with pytest.raises(MessageConflictError):
        await message_store.add(*another)
    assert await message_store.message("alice", "taken") == first.message
    assert await message_store.open_record_count() == 1


async def test_of_two_messages_with_one_id_in_two_sessions_at_once_one_is_stored(two_stores: TwoStores) -> None:
    for number in range(10):
        sends = [a_send(user, message_id=f"m{number}", text=user) for user in ("alice", "bob", "carol", "dave")]
        answers = await asyncio.gather(*(two_stores[place % 2].add(*one) for place, one in enumerate(sends)), return_exceptions=True)
        assert [type(one) for one in answers if not isinstance(one, Stored)] == [MessageConflictError] * 3


async def test_nobody_writes_into_the_session_of_another_user(message_store: MessageStore) -> None:
    await send(message_store, "alice", session_id="alice:work")
    with pytest.raises(ForbiddenError):
        await send(message_store, "bob", session_id="alice:work")
    assert len(await message_store.messages("alice", "alice:work", limit=10)) == 1
    assert (await message_store.records("bob", limit=10)).items == []


async def test_a_user_with_too_many_open_records_is_refused_until_one_ends(message_store: MessageStore) -> None:
    for _ in range(2):
        await message_store.add(*a_send(), max_pending=2)
    with pytest.raises(RateLimitedError) as refused:
        await message_store.add(*a_send(session_id="alice:other"), max_pending=2)
    assert refused.value.retry_after_s > 0
    assert [session.session_id for session in await message_store.sessions("alice", limit=10)] == ["alice"]
    await message_store.add(*a_send("bob"), max_pending=2)
    await answer(message_store)
    await message_store.add(*a_send(), max_pending=2)


async def test_a_repetition_is_answered_however_many_records_are_open(message_store: MessageStore) -> None:
    message, record = a_send()
    await message_store.add(message, record, max_pending=1)
    assert (await message_store.add(message, record, max_pending=1)).duplicate


async def test_the_limit_holds_for_sends_at_the_same_time(message_store: MessageStore) -> None:
    answers = await asyncio.gather(*(message_store.add(*a_send(), max_pending=3) for _ in range(10)), return_exceptions=True)
    assert sum(isinstance(one, Stored) for one in answers) == 3
    assert sum(isinstance(one, RateLimitedError) for one in answers) == 7


async def test_the_error_of_one_send_fails_no_other(two_stores: TwoStores) -> None:
    await two_stores[0].add(*a_send("alice", message_id="taken"))
    good = [a_send(f"user{number}") for number in range(20)]
    bad = [a_send("bob", message_id="taken"), a_send("bob", session_id="alice"), a_send("alice", message_id="taken", text="other")]
    answers = await asyncio.gather(*(two_stores[0].add(*one) for one in [*good[:10], *bad, *good[10:]]), return_exceptions=True)
    assert [type(one) for one in answers if isinstance(one, IMError)] == [MessageConflictError, ForbiddenError, MessageConflictError]
    assert sum(isinstance(one, Stored) for one in answers) == 20


async def test_a_send_whose_caller_went_away_fails_no_other(message_store: MessageStore) -> None:
    sends = [asyncio.create_task(send(message_store)) for _ in range(20)]
    await asyncio.sleep(0)
    for task in sends[::3]:
        task.cancel()
    answers = await asyncio.gather(*sends, return_exceptions=True)
    kept = {message.message_id for message in await message_store.messages("alice", "alice", limit=100)}
    assert {one.message.message_id for one in answers if isinstance(one, Stored)} <= kept
    assert all(isinstance(one, Stored) for place, one in enumerate(answers) if place % 3)


@pytest.mark.parametrize("text", [EVERYTHING, "👍" * 8000], ids=["every script", "8000 emoji"])
async def test_text_comes_back_as_it_was_sent(message_store: MessageStore, text: str) -> None:
    stored = await send(message_store, text=text)
    reply = await answer(message_store, text=text)
    assert await message_store.messages("alice", "alice", limit=2) == [stored.message, reply]
    record = await message_store.record("alice", stored.record.record_id)
    assert record is not None
    assert stored.message.msg_content == record.text == text


async def test_ids_that_differ_in_case_are_different_ids(message_store: MessageStore) -> None:
    upper = await message_store.add(*a_send("Alice", message_id="M"))
    lower = await message_store.add(*a_send("alice", message_id="m"))
    assert await message_store.messages("Alice", "Alice", limit=10) == [upper.message]
    assert await message_store.messages("alice", "alice", limit=10) == [lower.message]
    assert await message_store.message("Alice", "m") is None
