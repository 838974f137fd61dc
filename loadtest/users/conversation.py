"""One user's conversation: what they sent, what they were told of it, and whether that was right."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from gevent.event import Event  # type: ignore[import-untyped]  # gevent ships no types

from imcore.double_texting import DoubleTexting
from imcore.ids import new_id
from loadtest.model.replies import WORDS, answers_one_of, begins_to_answer
from loadtest.users.integrity import Integrity
from loadtest.users.shown_reply import CANCELLED, COMPLETED, ENDS, Frame, ShownReply

REPLY_IN_PROGRESS = "reply_in_progress"
MIN_WORDS, MAX_WORDS = 2, 20

Fire = Callable[[str, float, str | None], None]
"""Tells of a kind of time, in seconds, and of what went wrong."""


@dataclass(slots=True, eq=False)
class Sent:
    """One message. Times are `time.perf_counter()`, 0 for not yet; `settled` is set by its reply's end, or when it is given up."""

    message_id: str
    text: str
    sent_at: float
    accepted_at: float = 0.0
    first_at: float = 0.0
    record_id: str = ""
    seq: int = 0
    refused: bool = False
    settled: Event = field(default_factory=Event)


class Conversation:
    """`model_seed` None means that the model is none whose answers can be foreseen; `mode` is the service's."""

    def __init__(
        self,
        session_id: str,
        random: Random,
        integrity: Integrity,
        fire: Fire,
        *,
        model_seed: int | None,
        mode: DoubleTexting = DoubleTexting.QUEUE,
    ) -> None:
        self.session_id = session_id
        self.integrity = integrity
        self.fire = fire
        self.model_seed = model_seed
        self.sent: dict[str, Sent] = {}
        self.replies: dict[str, ShownReply] = {}
        self.after_seq = 0
        self._random = random
        self.mode = mode
        self._by_record: dict[str, Sent] = {}
        self._answered_seq = 0

    def compose(self, speaker: str) -> Sent:
        """The next message. What it says follows from the seed alone; no two say the same."""
        words = " ".join(self._random.choices(WORDS, k=self._random.randint(MIN_WORDS, MAX_WORDS)))
        sent = Sent(new_id(), f"{speaker} says {len(self.sent) + 1}: {words}", time.perf_counter())
        self.sent[sent.message_id] = sent
        self.integrity.count("sent")
        return sent

    @property
    def open(self) -> list[Sent]:
        """Accepted, without an end that this user heard of."""
        return [sent for sent in self.sent.values() if sent.record_id and not self.replies[sent.record_id].has_ended]

    @property
    def uncertain(self) -> list[Sent]:
        """Neither accepted nor refused for good: nobody has said."""
        return [sent for sent in self.sent.values() if not sent.record_id and not sent.refused]

    def sent_of(self, record_id: str) -> Sent | None:
        return self._by_record.get(record_id)

    def accept(self, message: Frame, record_id: str) -> None:
        """The message is committed; told again after a repetition."""
        sent = self.sent.get(message["message_id"])
        if sent is None:
            self.integrity.defect("violations", f"{self.session_id}: a message was accepted that was never sent")
            return
        if not sent.record_id:
            self._accept_first(sent, message, record_id)
        elif sent.record_id != record_id:
            self.integrity.defect("doubled", f"{self.session_id}: message {sent.message_id} has two records")

    def _accept_first(self, sent: Sent, message: Frame, record_id: str) -> None:
        sent.accepted_at = time.perf_counter()
        sent.seq = message["seq"]
        self.integrity.count("accepted")
        self.fire("accept", sent.accepted_at - sent.sent_at, None)
        if message["msg_content"] != sent.text:
            self.integrity.defect("text_mismatch", f"{self.session_id}: message {sent.message_id} was accepted with another text")
        self._bind(sent, record_id)

    def _bind(self, sent: Sent, record_id: str) -> None:
        sent.record_id = record_id
        self._by_record[record_id] = sent
        reply = self.replies.setdefault(record_id, ShownReply())
        if reply.has_ended:  # the end has overtaken the acknowledgement
            self._conclude(record_id, reply)

    def adopt(self, sent: Sent, record_id: str) -> None:
        """A message whose acknowledgement was lost: the service has it, as it says when asked."""
        self.integrity.count("accepted")
        self._bind(sent, record_id)

    def reject(self, sent: Sent, code: str, status: int | None, *, finally_: bool) -> None:
        """The message was refused, or nobody answered (`status` None); `finally_` if it is not to be sent again."""
        self.integrity.rejected(code, status)
        if code != REPLY_IN_PROGRESS:
            self.fire("accept", time.perf_counter() - sent.sent_at, code)
        elif self.mode is not DoubleTexting.REJECT:
            self.integrity.defect("violations", f"{self.session_id}: refused with {code}, and double texting is not refused here")
        if finally_:
            self.give_up(sent, refused=status is not None and status < 500)  # noqa: PLR2004  (above, it may be stored all the same)

    def give_up(self, sent: Sent, *, refused: bool) -> None:
        """It is not sent again; `refused` if it is certain that it was not stored."""
        sent.refused = refused
        sent.settled.set()

    def hear(self, frame: Frame, *, caught_up: bool = True) -> bool:
        """An event of a reply. False if something before it is missing: resume."""
        record_id = frame["record_id"]
        reply = self.replies.get(record_id)
        if reply is None:
            reply = self.replies[record_id] = ShownReply()
        kind = frame["type"]
        if kind == "reply.delta":
            wrong = reply.grow(frame, caught_up=caught_up)
            self._note_first_token(record_id)
            if wrong is None:
                return True
            self._violation(record_id, wrong)
            return not wrong.startswith("a gap")
        if kind == "reply.started":
            reply.begin(frame["attempt"])
            reply.ai_message_id = frame["ai_message_id"]
        elif kind in ENDS:
            self._finish(record_id, reply, frame)
        return True

    def catch_up(self, resumed: Frame) -> None:
        """What `resumed` says: the texts so far, and how far the session has come. The ends follow as events."""
        for message in resumed["messages"]:
            self.after_seq = max(self.after_seq, message["seq"])
        for so_far in resumed["replies"]:
            reply = self.replies.setdefault(so_far["record_id"], ShownReply())
            reply.show(so_far["attempt"], so_far["text"])
            reply.ai_message_id = so_far["ai_message_id"]

    def _note_first_token(self, record_id: str) -> None:
        sent = self._by_record.get(record_id)
        if sent is not None and not sent.first_at:
            sent.first_at = time.perf_counter()
            self.fire("first token", sent.first_at - sent.sent_at, None)

    def _finish(self, record_id: str, reply: ShownReply, frame: Frame) -> None:
        had_ended = reply.has_ended
        wrong = reply.finish(frame)
        if wrong is not None:
            self._violation(record_id, wrong)
        message = frame.get("message")
        if message is not None and message["session_id"] != self.session_id:
            self._violation(record_id, f"its message is of session {message['session_id']}")
        if not had_ended and record_id in self._by_record:
            self._conclude(record_id, reply)

    def _conclude(self, record_id: str, reply: ShownReply) -> None:
        """The first end of one of this user's messages."""
        sent, end = self._by_record[record_id], reply.end
        assert end is not None  # noqa: S101  (for the type checker)
        took_s = time.perf_counter() - sent.sent_at
        if end["type"] == COMPLETED:
            self.integrity.count("replied")
            self._note_first_token(record_id)
            self.fire("reply", took_s, None)
            self._check_order(sent)
            self._check_text(sent, reply)
        elif end["type"] == CANCELLED:
            self._check_cancelled(sent, reply)
        else:
            code = end["error"]["code"]
            self.integrity.failed(code)
            self.fire("reply", took_s, code)
        sent.settled.set()

    def _check_order(self, sent: Sent) -> None:
        if 0 < sent.seq < self._answered_seq:  # 0: it was never acknowledged, so nobody knows
            self.integrity.defect("out_of_order", f"{self.session_id}: message {sent.seq} was answered after message {self._answered_seq}")
        self._answered_seq = max(self._answered_seq, sent.seq)

    def _check_text(self, sent: Sent, reply: ShownReply) -> None:
        """With `merge` the newest of several messages is the question: which one, the history tells later."""
        if self.model_seed is None:
            return
        merges = self.mode is DoubleTexting.MERGE
        questions = [other.text for other in self.sent.values() if other is sent or (merges and other.seq > sent.seq)]
        if not answers_one_of(reply.text, questions, self.model_seed):
            self.integrity.defect("text_mismatch", f"{self.session_id}: {sent.text[:60]!r} was answered with {reply.text[:200]!r}")

    def _check_cancelled(self, sent: Sent, reply: ShownReply) -> None:
        self.integrity.count("cancelled")
        if self.mode is not DoubleTexting.INTERRUPT:
            self._violation(sent.record_id, "it was cancelled, and nobody asked for that")
        if self.model_seed is not None and not begins_to_answer(reply.text, sent.text, self.model_seed):
            self.integrity.defect("text_mismatch", f"{self.session_id}: {sent.text[:60]!r} was cancelled with {reply.text[:200]!r}")

    def _violation(self, record_id: str, what: str) -> None:
        self.integrity.defect("violations", f"{self.session_id}, reply of record {record_id}: {what}")
