"""imcore inside another program: the core with in-process adapters, opened and closed with one `async with`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.memory.message_store import MemoryMessageStore
from adapters.memory.notifier import MemoryNotifier
from adapters.memory.reply_meter import MemoryReplyMeter
from adapters.memory.reply_queue import MemoryReplyQueue
from imcore.cancel_reply import CancelReply
from imcore.delta_window import DeltaWindow
from imcore.ports import LLMClient, MessageStore, Notifier
from imcore.prompt import PromptBudget
from imcore.read_history import ReadHistory
from imcore.reply_writers import ReplyWriters
from imcore.retry_reply import RetryReply
from imcore.send_message import SendMessage
from imcore.write_reply import WriteReply


@dataclass(frozen=True, slots=True)
class InProcess:
    """The use cases, ready to be called, and the notifier to listen at."""

    send: SendMessage
    history: ReadHistory
    cancel: CancelReply
    retry: RetryReply
    notifier: Notifier
    writers: ReplyWriters


@asynccontextmanager
async def in_process(
    llm: LLMClient, *, store: MessageStore | None = None, budget: PromptBudget | None = None, slots: int = 100, drain_s: float = 5.0
) -> AsyncIterator[InProcess]:
    """Any model, any store (in memory if none is given); replies are written on this event loop until the block ends."""
    store, queue, notifier, meter = store or MemoryMessageStore(), MemoryReplyQueue(), MemoryNotifier(), MemoryReplyMeter()
    budget = budget or PromptBudget()
    write = WriteReply(store, llm, notifier, queue, meter, DeltaWindow(notifier), budget)
    writers = ReplyWriters(store, notifier, write, meter, history_messages=budget.history_messages, slots=slots)
    writers.open()
    queue.listen(writers.offer)
    try:
        yield InProcess(
            SendMessage(store, queue, notifier),
            ReadHistory(store),
            CancelReply(store, queue, notifier),
            RetryReply(store, queue),
            notifier,
            writers,
        )
    finally:
        await writers.close(drain_s)
        await queue.close()
        await notifier.close()
