"""Use case: write one claimed reply. Stream from the model with no transaction open, store once, tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeVar

from imcore.chat_record import ChatRecord, ReplyError, ReplyOutcome, ReplyStatus
from imcore.clock import ms_between, utc_now
from imcore.delta_window import DeltaWindow
from imcore.draft import Draft, Halt
from imcore.errors import AttemptsExhaustedError, LeaseLostError, LLMError, MessageConflictError, StoreUnavailableError, WritingDefectError
from imcore.events import ReplyCancelled, ReplyCompleted, ReplyEnded, ReplyFailed, ReplyStarted
from imcore.ids import reply_message_id
from imcore.message import Message, storable
from imcore.ports import LLMClient, MessageStore, Notifier, ReplyMeter, ReplyQueue
from imcore.prompt import PromptBudget

log = logging.getLogger(__name__)

_T = TypeVar("_T")

MAX_MODEL_CHARS = 255


@dataclass(frozen=True, slots=True)
class WriteReply:
    """`store_patience_s`: how long a reply that is already written waits for a database that is away."""

    store: MessageStore
    llm: LLMClient
    notifier: Notifier
    queue: ReplyQueue
    meter: ReplyMeter
    deltas: DeltaWindow
    budget: PromptBudget = field(default_factory=PromptBudget)
    store_patience_s: float = 60.0

    async def __call__(self, draft: Draft, window: Sequence[Message]) -> bool:
        """Write the reply that `draft` holds the lease of and `window` leads to, to its end; whether its session then waits for more.

        Never raises but for a cancellation or a defect. A reply that is left, to another writer or to recovery, leaves its session with it.
        """
        started = utc_now()
        self.meter.reply_started(draft.record)
        try:
            error = _given_up(draft.record) or await self._write(draft, window)
            return await self._conclude(draft, error, started)
        except LeaseLostError:
            self._leave(draft, "lease lost")
        except StoreUnavailableError:
            self._leave(draft, "the store stayed away; recovery will have this reply written anew")
        except BaseException:
            self.deltas.forget(draft)
            self.meter.reply_left(draft.lease)
            raise
        return False

    async def _write(self, draft: Draft, window: Sequence[Message]) -> LLMError | None:
        """Fill the draft from the model; returns why that failed."""
        if draft.record.cancel_requested:
            draft.halt(Halt.STOPPED)
        else:
            self._tell_started(draft)
        try:
            await draft.run(asyncio.ensure_future(self._stream(draft, window)))
        except LLMError as error:
            log.warning("model failed", extra={**_ids(draft.record), "code": error.code, "detail": error.detail})
            return error
        except Exception:  # a record must end whatever the model's client does; the log has the traceback
            log.exception("defect while writing a reply", extra=_ids(draft.record))
            return WritingDefectError("The reply could not be written because of an internal error; retry it.")
        return None

    async def _stream(self, draft: Draft, window: Sequence[Message]) -> None:
        record, begun = draft.record, utc_now()
        prompt = self.budget.build(window, first_seq=record.user_seq)
        draft.request = dict(self.llm.request(prompt))
        async with aclosing(self.llm.stream(prompt)) as chunks:
            async for chunk in chunks:
                if not draft.add(chunk):
                    continue
                if draft.first_token_ms is None:
                    draft.first_token_ms = ms_between(begun, utc_now())
                    self.meter.first_token(record, draft.first_token_ms)
                self.deltas.grew(draft)

    def _tell_started(self, draft: Draft) -> None:
        log.info("reply started", extra={**_ids(draft.record), "messages": len(draft.group)})
        reply_id = reply_message_id(draft.record.record_id)
        for record in draft.group:
            origin = draft.origin if record.record_id == draft.record.record_id else ""  # of the others no delta is told
            started = ReplyStarted(record.record_id, draft.record.attempt, record.session_id, record.user_message_id, reply_id, origin)
            self.notifier.publish(record.user_id, started)

    async def _conclude(self, draft: Draft, error: LLMError | None, started: datetime) -> bool:
        if draft.halted is Halt.LEASE_LOST:
            self.deltas.forget(draft)
            raise LeaseLostError("Another writer has taken this reply over.")
        self.deltas.flush(draft)
        if draft.halted is Halt.SHUTDOWN:
            await self._hand_back(draft)
            return False
        return await self._end(draft, _outcome(draft, error, started))

    def _leave(self, draft: Draft, why: str) -> None:
        log.warning(why, extra=_ids(draft.record))
        self.meter.reply_left(draft.lease)

    async def _end(self, draft: Draft, outcome: ReplyOutcome) -> bool:
        record = draft.record
        try:
            finished = await self._patiently(lambda: self.store.finish(outcome))
        except MessageConflictError:  # the user has taken the reply's id for a message of theirs: the record must end all the same
            error = ReplyError.of(WritingDefectError("The id of the reply is taken by another message."))
            outcome = replace(outcome, status=ReplyStatus.FAILED, error_code=error.code, error_message=error.message)
            finished = await self._patiently(lambda: self.store.finish(outcome))
        log.info("reply ended", extra={**_ids(record), "status": int(outcome.status), "duration_ms": outcome.duration_ms})
        self.meter.reply_ended(outcome)
        for answered in draft.group:
            self.notifier.publish(answered.user_id, _ended(answered.record_id, outcome, finished.message))
        return finished.session_waits

    async def _hand_back(self, draft: Draft) -> None:
        await self.store.release(draft.lease)
        log.info("reply handed back", extra=_ids(draft.record))
        self.meter.reply_left(draft.lease)
        self.queue.enqueue([draft.record.session_id])

    async def _patiently(self, step: Callable[[], Awaitable[_T]]) -> _T:
        """Repeat a step while the database is away: what the model has written is worth waiting for."""
        deadline = asyncio.get_running_loop().time() + self.store_patience_s
        pause_s = 0.1
        while True:
            try:
                return await step()
            except StoreUnavailableError:
                if asyncio.get_running_loop().time() + pause_s > deadline:
                    raise
                await asyncio.sleep(pause_s)
                pause_s = min(2.0, pause_s * 2)


def _given_up(record: ChatRecord) -> LLMError | None:
    if record.attempt <= record.attempt_limit:
        return None
    return AttemptsExhaustedError("Each attempt to write this reply was broken off by a crash; retry it.")


def _outcome(draft: Draft, error: LLMError | None, started: datetime) -> ReplyOutcome:
    record, ended = draft.record, utc_now()
    status = ReplyStatus.CANCELLED if draft.halted is Halt.STOPPED else ReplyStatus.FAILED if error else ReplyStatus.SUCCESS
    text = draft.text or (record.text if draft.request is None else "")  # this attempt never began: keep what the last one wrote
    failure = ReplyError.of(error) if error and status is ReplyStatus.FAILED else None
    return ReplyOutcome(
        lease=draft.lease,
        status=status,
        text=text,
        ended_at=ended,
        request_content=draft.request,
        response_content={"text": text, "finish_reason": draft.finish_reason, "model": draft.model},
        model=None if draft.model is None else storable(draft.model)[:MAX_MODEL_CHARS],
        queue_ms=ms_between(record.created_at, started),
        first_token_ms=draft.first_token_ms,
        duration_ms=ms_between(started, ended),
        prompt_tokens=draft.prompt_tokens,
        completion_tokens=draft.completion_tokens,
        error_code=failure.code if failure else None,
        error_message=failure.message if failure else None,
    )


def _ended(record_id: str, outcome: ReplyOutcome, message: Message | None) -> ReplyEnded:
    attempt = outcome.lease.attempt
    if outcome.status is ReplyStatus.SUCCESS and message is not None:
        return ReplyCompleted(record_id, attempt, message)
    if outcome.status is ReplyStatus.CANCELLED:
        return ReplyCancelled(record_id, attempt, message)
    return ReplyFailed(record_id, attempt, ReplyError(outcome.error_code or "", outcome.error_message or ""))


def _ids(record: ChatRecord) -> dict[str, object]:
    return {"record_id": record.record_id, "session_id": record.session_id, "attempt": record.attempt}
