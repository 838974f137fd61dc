"""What a MessageStore shows to users, over every adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, timedelta

import pytest

from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.clock import utc_now
from imcore.errors import InvalidRequestError
from imcore.message import Message
from imcore.ports import MessageStore, RunningReply
from tests.contracts.message_stores import LONG_S, TwoStores, a_send, answer, claim, outcome, send

pytest_plugins = ["tests.contracts.message_stores"]


def seqs(messages: Sequence[Message]) -> list[int]:
    return [message.seq for message in messages]


async def test_a_user_reads_own_messages_and_replies_only(message_store: MessageStore) -> None:
    stored = await send(message_store)
    reply = await answer(message_store)
    assert await message_store.message("alice", stored.message.message_id) == stored.message
    assert await message_store.message("alice", reply.message_id) == reply
    assert await message_store.message("bob", stored.message.message_id) is None
    assert await message_store.message("bob", reply.message_id) is None
    assert await message_store.message("alice", "no such message") is None


async def test_lists_of_records_leave_out_what_was_sent_to_the_model(message_store: MessageStore) -> None:
    await send(message_store)
    await message_store.finish(replace(outcome(await claim(message_store)), request_content={"model": "m"}, model="m"))
    (listed,) = (await message_store.records("alice", limit=10)).items
    (changed,) = await message_store.changed_since("alice", utc_now() - timedelta(hours=1), limit=10)
    record = await message_store.record("alice", listed.record_id)
    assert record is not None
    assert record.request_content == {"model": "m"}
    assert listed == changed == replace(record, request_content=None)


async def test_a_user_reads_what_changed_since_then_in_the_order_of_the_changes(message_store: MessageStore) -> None:
    then = utc_now() + timedelta(hours=1)
    ended = [await send(message_store, session_id=f"alice:{number}") for number in range(4)]
    await send(message_store)
    await send(message_store, "bob")
    for minutes, number in enumerate([2, 0, 3, 1]):
        lease = await claim(message_store, f"alice:{number}")
        await message_store.finish(replace(outcome(lease), ended_at=then + timedelta(minutes=minutes)))
    await message_store.finish(replace(outcome(await claim(message_store, "bob")), ended_at=then + timedelta(minutes=9)))

    async def found(since: timedelta, limit: int = 10) -> list[int]:
        records = await message_store.changed_since("alice", then + since, limit=limit)
        return [[one.record.record_id for one in ended].index(record.record_id) for record in records]

    assert await found(timedelta(minutes=-1)) == [2, 0, 3, 1]
    assert await found(timedelta(0)) == [0, 3, 1]
    assert await found(timedelta(minutes=-1), limit=2) == [3, 1]
    assert await found(timedelta(minutes=3)) == []


async def test_a_session_is_read_oldest_first_from_either_side(message_store: MessageStore) -> None:
    for number in range(10):
        await send(message_store, text=str(number))
    assert seqs(await message_store.messages("alice", "alice", limit=3)) == [8, 9, 10]
    assert seqs(await message_store.messages("alice", "alice", before_seq=8, limit=3)) == [5, 6, 7]
    assert seqs(await message_store.messages("alice", "alice", after_seq=2, limit=3)) == [3, 4, 5]
    assert seqs(await message_store.messages("alice", "alice", after_seq=2, before_seq=4, limit=3)) == [3]
    assert await message_store.messages("alice", "alice", after_seq=10, limit=3) == []
    assert await message_store.messages("alice", "alice", before_seq=1, limit=3) == []


async def test_the_session_of_another_user_or_of_nobody_has_no_messages(message_store: MessageStore) -> None:
    await send(message_store)
    assert await message_store.messages("bob", "alice", limit=10) == []
    assert await message_store.messages("alice", "alice:unknown", limit=10) == []


async def test_sessions_come_with_the_one_written_to_last_first(message_store: MessageStore) -> None:
    start = utc_now()
    for place, name in enumerate(["alice", "alice:a", "alice:b", "alice:a", "bob"]):
        message, record = a_send(name.partition(":")[0], session_id=name)
        await message_store.add(replace(message, created_at=start + timedelta(seconds=place)), record)
    assert [session.session_id for session in await message_store.sessions("alice", limit=10)] == ["alice:a", "alice:b", "alice"]
    assert [session.session_id for session in await message_store.sessions("alice", limit=1)] == ["alice:a"]


async def test_records_are_found_by_their_own_id_and_by_their_message(message_store: MessageStore) -> None:
    stored = await send(message_store)
    assert await message_store.record("alice", stored.record.record_id) == stored.record
    assert await message_store.record_of("alice", stored.message.message_id) == stored.record
    assert await message_store.record("bob", stored.record.record_id) is None
    assert await message_store.record_of("bob", stored.message.message_id) is None
    assert await message_store.record("alice", "no such record") is None
    assert await message_store.record_of("alice", "no such message") is None


async def test_records_are_paged_newest_first_to_the_last_one(message_store: MessageStore) -> None:
    sent = [(await send(message_store)).record for _ in range(7)]
    await send(message_store, "bob")
    seen: list[ChatRecord] = []
    cursor = None
    for size in (3, 3, 1):
        page = await message_store.records("alice", cursor=cursor, limit=3)
        assert len(page.items) == size
        seen += page.items
        cursor = page.next_cursor
        await send(message_store, "bob")
    assert cursor is None
    assert seen == sent[::-1]


async def test_a_last_page_that_is_full_has_no_cursor(message_store: MessageStore) -> None:
    for _ in range(2):
        await send(message_store)
    assert (await message_store.records("alice", limit=2)).next_cursor is None


async def test_records_that_come_meanwhile_do_not_move_the_pages(message_store: MessageStore) -> None:
    sent = [(await send(message_store)).record for _ in range(4)]
    first = await message_store.records("alice", limit=2)
    await send(message_store)
    second = await message_store.records("alice", cursor=first.next_cursor, limit=2)
    assert [*first.items, *second.items] == sent[::-1]


async def test_records_match_all_filters_given(message_store: MessageStore) -> None:
    done = await send(message_store)
    await answer(message_store)
    waiting = await send(message_store)
    elsewhere = await send(message_store, session_id="alice:work")

    async def found(**filters: object) -> set[str]:
        page = await message_store.records("alice", limit=10, **filters)  # type: ignore[arg-type]  # by name
        return {record.record_id for record in page.items}

    ids = [stored.record.record_id for stored in (done, waiting, elsewhere)]
    assert await found() == set(ids)
    assert await found(session_id="alice") == set(ids[:2])
    assert await found(status=ReplyStatus.SUCCESS) == {ids[0]}
    assert await found(status=ReplyStatus.PROCESSING) == set(ids[1:])
    assert await found(status=ReplyStatus.PROCESSING, session_id="alice") == {ids[1]}
    assert await found(user_message_id=elsewhere.message.message_id) == {ids[2]}
    assert await found(user_message_id=elsewhere.message.message_id, session_id="alice") == set()


@pytest.mark.parametrize("cursor", ["", "x", "0", "-1", "before-", "before-x", "YmVmb3JlOjA", "YmVmb3JlOi0x", "…", "A" * 500, "%00"])
async def test_a_cursor_that_the_store_did_not_give_is_refused(message_store: MessageStore, cursor: str) -> None:
    with pytest.raises(InvalidRequestError):
        await message_store.records("alice", cursor=cursor, limit=10)


async def test_open_records_come_in_the_order_of_their_messages_with_the_text_so_far(message_store: MessageStore) -> None:
    await send(message_store)
    await answer(message_store)
    sent = [await send(message_store) for _ in range(3)]
    await message_store.renew([RunningReply(await claim(message_store), "so far")], lease_s=LONG_S)
    found = await message_store.open_records("alice", "alice")
    assert [record.record_id for record in found] == [stored.record.record_id for stored in sent]
    assert [record.text for record in found] == ["so far", "", ""]
    assert await message_store.open_records("bob", "alice") == []


async def test_open_records_are_counted_over_all_users(message_store: MessageStore) -> None:
    assert await message_store.open_record_count() == 0
    for user in ("alice", "bob", "bob"):
        await send(message_store, user)
    await claim(message_store, "alice")
    assert await message_store.open_record_count() == 3
    await answer(message_store, "bob")
    assert await message_store.open_record_count() == 2


async def test_a_reader_elsewhere_sees_every_step_that_was_answered(two_stores: TwoStores) -> None:
    writer, reader = two_stores
    for number in range(1, 11):
        stored = await send(writer)
        assert await reader.message("alice", stored.message.message_id) == stored.message
        await writer.finish(outcome(await claim(writer)))
        assert len(await reader.messages("alice", "alice", limit=100)) == 2 * number


async def test_times_are_utc(message_store: MessageStore) -> None:
    stored = await send(message_store)
    await claim(message_store)
    record = await message_store.record("alice", stored.record.record_id)
    assert record is not None
    assert record.lease_expires_at is not None
    assert record.created_at.tzinfo is record.lease_expires_at.tzinfo is UTC


async def test_a_store_that_answers_says_so(message_store: MessageStore) -> None:
    await message_store.ping()
