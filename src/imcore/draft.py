"""Draft: a reply while it is being written, in the memory of the process that holds its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum

from imcore.chat_record import ChatRecord, Lease
from imcore.events import ReplyDelta
from imcore.message import storable
from imcore.ports import LLMChunk, RunningReply

_NOTHING_SAID = LLMChunk()[1:]
"""About the reply, in a chunk that is text alone."""


class Halt(StrEnum):
    """Why writing was broken off."""

    STOPPED = "stopped"  # the user asked for it
    LEASE_LOST = "lease_lost"  # somebody else writes it now
    SHUTDOWN = "shutdown"  # this process ends


class Draft:
    """The text so far, what the model said about it, and the switch that breaks the writing off.

    `group` are all records that the reply answers, in the order of their messages; only `record` itself unless others were merged into it.
    `origin` names the process that alone is told of its deltas; empty, as it becomes when another one asks: every process is.
    """

    def __init__(self, record: ChatRecord, group: Sequence[ChatRecord] = (), *, origin: str = "") -> None:
        self.record = record
        self.group = group or (record,)
        self.origin = origin
        self.lease = Lease(record.record_id, record.session_id, record.attempt)
        self.halted: Halt | None = None
        self.request: dict[str, object] | None = None
        self.finish_reason: str | None = None
        self.model: str | None = None
        self.prompt_tokens: int | None = None
        self.completion_tokens: int | None = None
        self.first_token_ms: int | None = None
        self._parts: list[str] = []
        self._chars = 0
        self._renewed_chars = 0
        self._untold: list[str] = []
        self._told_chars = 0
        self._writing: asyncio.Task[None] | None = None

    @property
    def text(self) -> str:
        if len(self._parts) > 1:
            self._parts = ["".join(self._parts)]
        return self._parts[0] if self._parts else ""

    def add(self, chunk: LLMChunk) -> bool:
        """Take a piece in; whether it has text, which the clients are to be told."""
        if chunk[1:] != _NOTHING_SAID:
            self._learn(chunk)
        if not chunk.text:
            return False
        text = storable(chunk.text)
        self._parts.append(text)
        self._untold.append(text)
        self._chars += len(text)
        return True

    def _learn(self, chunk: LLMChunk) -> None:
        self.finish_reason = chunk.finish_reason or self.finish_reason
        self.model = chunk.model or self.model
        self.prompt_tokens = chunk.prompt_tokens if chunk.prompt_tokens is not None else self.prompt_tokens
        self.completion_tokens = chunk.completion_tokens if chunk.completion_tokens is not None else self.completion_tokens

    @property
    def has_told(self) -> bool:
        """Whether the clients were given any of the text."""
        return self._told_chars > 0

    def untold(self) -> ReplyDelta | None:
        """The text that the clients were not given yet; from now on they were."""
        if not self._untold:
            return None
        offset, text = self._told_chars, "".join(self._untold)
        self._untold.clear()
        self._told_chars += len(text)
        return ReplyDelta(self.record.record_id, self.record.attempt, offset, text)

    def snapshot(self, record_id: str) -> ReplyDelta:
        """All of the text so far, as one delta of a record of the group."""
        return ReplyDelta(record_id, self.record.attempt, 0, self.text)

    def renewal(self) -> RunningReply:
        """What the next renewal is to store: the text only if it grew since the last one."""
        return RunningReply(self.lease, self.text if self._chars > self._renewed_chars else None)

    def renewed(self, sent: RunningReply) -> None:
        """That renewal is stored."""
        if sent.text is not None:
            self._renewed_chars = len(sent.text)

    def halt(self, why: Halt) -> None:
        """Break the writing off, once; what was written so far stays in the draft."""
        if self.halted is None:
            self.halted = why
            if self._writing is not None:
                self._writing.cancel()

    async def run(self, writing: asyncio.Task[None]) -> None:
        """Await `writing` unless it is broken off. A cancellation that is nobody's `halt` goes on to the caller."""
        self._writing = writing
        if self.halted is not None:
            writing.cancel()
        try:
            await writing
        except asyncio.CancelledError:
            if self.halted is None:
                writing.cancel()
                raise
        finally:
            self._writing = None
