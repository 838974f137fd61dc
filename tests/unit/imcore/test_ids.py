import os
import uuid

import pytest

from imcore.errors import ForbiddenError, InvalidRequestError, InvalidUserIdError
from imcore.ids import check_message_id, check_user_id, new_id, owned_session_id, reply_message_id, session_owner


def test_new_ids_are_distinct_uuid7_in_the_order_of_time():
    ids = [new_id() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {uuid.UUID(each).version for each in ids} == {7}
    assert {uuid.UUID(each).variant for each in ids} == {uuid.RFC_4122}
    assert [each[:13] for each in ids] == sorted(each[:13] for each in ids)


def test_a_forked_process_makes_other_ids():
    new_id()
    reader, writer = os.pipe()
    if (child := os.fork()) == 0:
        os.write(writer, new_id()[14:].encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100).decode() != new_id()[14:]


def test_a_record_has_one_reply_id_for_life_and_shares_it_with_no_other():
    records = [new_id() for _ in range(1000)]
    replies = [reply_message_id(record) for record in records]
    assert replies == [reply_message_id(record) for record in records]
    assert len({*records, *replies}) == 2000
    assert {uuid.UUID(reply).version for reply in replies} == {7}
    assert [reply[:13] for reply in replies] == [record[:13] for record in records]


@pytest.mark.parametrize("user_id", ["a", "alice", "A.l_i@c|e-9", "x" * 48])
def test_a_user_id_of_the_accepted_form_is_returned(user_id):
    assert check_user_id(user_id) == user_id


@pytest.mark.parametrize("user_id", ["", "x" * 49, "a:b", "a/b", "a b", "é", "a\n", "im:ai"])
def test_any_other_user_id_is_refused(user_id):
    with pytest.raises(InvalidUserIdError, match="1 to 48"):
        check_user_id(user_id)


@pytest.mark.parametrize("message_id", ["", "x" * 65, "a/b", "a b", "ü", "a\n"])
def test_a_message_id_of_another_form_is_refused(message_id):
    with pytest.raises(InvalidRequestError, match="message_id"):
        check_message_id(message_id)


def test_the_default_session_is_the_users_own_id():
    assert owned_session_id("alice", None) == "alice"
    assert owned_session_id("alice", "alice") == "alice"


def test_a_further_session_is_named_behind_a_colon():
    assert owned_session_id("alice", "alice:work:2") == "alice:work:2"
    assert session_owner("alice:work:2") == "alice"


@pytest.mark.parametrize("session_id", ["bob", "bob:work", "alicee", "alice2:work", "Alice"])
def test_a_session_of_somebody_else_is_forbidden(session_id):
    with pytest.raises(ForbiddenError):
        owned_session_id("alice", session_id)


@pytest.mark.parametrize("session_id", ["", ":", "alice:", "alice:a b", "alice:" + "x" * 43, "alice/x", "alice:ü", "alice:x\n"])
def test_a_session_that_nobody_can_have_is_an_invalid_request(session_id):
    with pytest.raises(InvalidRequestError, match="session_id"):
        owned_session_id("alice", session_id)
