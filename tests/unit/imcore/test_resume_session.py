import pytest

from adapters.memory.message_store import MemoryMessageStore
from imcore.chat_record import ChatRecord
from imcore.clock import utc_now
from imcore.errors import InvalidRequestError
from imcore.ids import new_id
from imcore.live_replies import LiveReplies
from imcore.message import Message, MessageType
from imcore.resume_session import RESUME_CHARS, RESUME_PAGE, ResumeSession


@pytest.fixture
def store() -> MemoryMessageStore:
    return MemoryMessageStore()


@pytest.fixture
def resume(store) -> ResumeSession:
    live = LiveReplies(lambda _request: None)
    return ResumeSession(store, live, live.hear)


async def send(store, text: str) -> None:
    now = utc_now()
    message = Message(new_id(), "ann", "ann", MessageType.TEXT, text, now, now)
    await store.add(message, ChatRecord(new_id(), "ann", "ann", message.message_id, now, now))


async def all_pages(resume) -> list[list[str]]:
    pages, after_seq, more = [], 0, True
    while more:
        answer = await resume("ann", after_seq=after_seq)
        pages.append([message.msg_content for message in answer.messages])
        after_seq, more = answer.messages[-1].seq, answer.more
    return pages


async def test_a_page_holds_a_bounded_number_of_messages(store, resume):
    for number in range(RESUME_PAGE + 1):
        await send(store, str(number))
    assert [len(page) for page in await all_pages(resume)] == [RESUME_PAGE, 1]


async def test_a_page_fits_a_frame_however_long_the_messages_are(store, resume):
    texts = ["x" * 8000 for _ in range(30)] + ["y" * (RESUME_CHARS + 1), "z"]
    for text in texts:
        await send(store, text)
    pages = await all_pages(resume)
    assert [text for page in pages for text in page] == texts
    assert all(sum(map(len, page)) <= RESUME_CHARS or len(page) == 1 for page in pages)


async def test_a_client_that_knows_more_than_the_store_is_told_so(store, resume):
    await send(store, "one")
    assert (await resume("ann", after_seq=1)).recovered
    assert not (await resume("ann", after_seq=7)).recovered


async def test_a_negative_seq_is_refused(resume):
    with pytest.raises(InvalidRequestError, match="after_seq"):
        await resume("ann", after_seq=-1)
