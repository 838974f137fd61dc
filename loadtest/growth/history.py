"""Made-up conversations, in the order in which they would have been stored. The same numbers and seed give the same, byte for byte."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.ids import AI_USER_ID, reply_message_id
from imcore.message import Message, MessageType
from imcore.session import Session
from loadtest.growth.words import WordPool

LONG_SESSION = "long"
SHORT_SESSION = "short"
LONG_SESSION_MESSAGES = 100_000
SHORT_SESSION_MESSAGES = 10
OPEN_RECORDS = 20

_END = datetime(2026, 1, 1, tzinfo=UTC)
_YEAR_MS = 365 * 86_400_000
_BEGIN_MS = round(_END.timestamp() * 1000) - _YEAR_MS
_SESSION_BITS = 24

_SIZE_SIGMA = 1.2
_MESSAGES_A_USER = 60
_SESSIONS_A_USER = 4 / 3
_SIZE_OF_A_YEAR = 10_000
_KEPT_REQUESTS = 0.2
_FAILED, _CANCELLED = 0.010, 0.015
_MODEL = "gpt-4o-mini"


@dataclass(frozen=True, slots=True)
class Turn:
    """A user's message, the record of its reply and, if it came to that, the reply."""

    message: Message
    record: ChatRecord
    reply: Message | None


class History:
    """About `messages` messages within one year, half of them the users'. Every turn has a record: 1 % failed, 0.5 % cancelled, the newest
    ones of `OPEN_RECORDS` sessions still open.

    `chunk_turns` are made by one random stream, and stored in one transaction: with another number it is another history.

    Sessions have log-normal sizes; `LONG_SESSION` has 100,000 messages, in small histories a tenth of all, `SHORT_SESSION` has 10.
    """

    def __init__(self, messages: int, *, users: int | None = None, seed: int = 1, chunk_turns: int = 25_000) -> None:
        self.turns = messages // 2
        self.chunk_turns = chunk_turns
        self._seed = seed
        dice = random.Random(f"{seed}")  # noqa: S311  (dice that fall the same each time)
        self._owners = list(_owners(users or max(10, messages // _MESSAGES_A_USER), dice))
        self._order = _order(_sizes(self.turns, len(self._owners), dice), dice)
        self._open_from = _newest_of_each(self._order, OPEN_RECORDS)
        self._sessions: dict[int, Session] = {}
        self._words = WordPool(seed)

    @property
    def chunks(self) -> int:
        """How many chunks there are."""
        return math.ceil(self.turns / self.chunk_turns)

    def chunk(self, number: int) -> Iterator[Turn]:
        """The turns of one chunk. To be asked for in order: each goes on where the last one left the sessions."""
        dice = random.Random(f"{self._seed}:{number}")  # noqa: S311  (see above)
        for index in range(number * self.chunk_turns, min(self.turns, (number + 1) * self.chunk_turns)):
            yield self._turn(index, dice)

    def sessions(self) -> Sequence[Session]:
        """All sessions as they are after the turns that were asked for."""
        return list(self._sessions.values())

    def _turn(self, index: int, dice: random.Random) -> Turn:
        at_ms, number = _unpacked(self._order[index])
        begun = _time(at_ms)
        ended = begun + timedelta(milliseconds=dice.randrange(1000, 9000))
        session = self._sessions.get(number) or _new_session(*self._owners[number], begun)
        status = self._status(index, dice)
        message = Message(
            _uuid7(at_ms, dice),
            session.session_id,
            session.user_id,
            MessageType.TEXT,
            self._words.text(dice),
            begun,
            begun,
            session.last_seq + 1,
        )
        record = ChatRecord(
            _uuid7(at_ms, dice), session.session_id, session.user_id, message.message_id, begun, begun, user_seq=session.last_seq + 1
        )
        reply = self._reply(record, session.last_seq + 2, ended, dice) if status in _REPLIED else None
        if status is not ReplyStatus.PROCESSING:
            record = self._ended(record, status, reply, ended, dice)
        last = reply or message
        self._sessions[number] = replace(session, last_seq=last.seq, updated_at=last.created_at)
        return Turn(message, record, reply)

    def _status(self, index: int, dice: random.Random) -> ReplyStatus:
        drawn = dice.random()
        if index in self._open_from:
            return ReplyStatus.PROCESSING
        return ReplyStatus.FAILED if drawn < _FAILED else ReplyStatus.CANCELLED if drawn < _CANCELLED else ReplyStatus.SUCCESS

    def _reply(self, record: ChatRecord, seq: int, ended: datetime, dice: random.Random) -> Message:
        return Message(
            reply_message_id(record.record_id),
            record.session_id,
            AI_USER_ID,
            MessageType.AI_REPLY,
            self._words.text(dice),
            ended,
            ended,
            seq,
        )

    def _ended(self, record: ChatRecord, status: ReplyStatus, reply: Message | None, ended: datetime, dice: random.Random) -> ChatRecord:
        failed = status is ReplyStatus.FAILED
        keeps = dice.random() < _KEPT_REQUESTS
        return replace(
            record,
            status=status,
            attempt=1,
            updated_at=ended,
            ai_message_id=reply.message_id if reply else None,
            request_content=self._request(dice) if keeps else None,
            response_content={"text": reply.msg_content, "finish_reason": "stop", "model": _MODEL} if keeps and reply else None,
            model=_MODEL,
            queue_ms=dice.randrange(5, 50),
            first_token_ms=dice.randrange(200, 900),
            duration_ms=round((ended - record.created_at).total_seconds() * 1000),
            prompt_tokens=dice.randrange(50, 4000),
            completion_tokens=None if failed else dice.randrange(10, 200),
            error_code="llm_unavailable" if failed else None,
            error_message="The model cannot be reached." if failed else None,
        )

    def _request(self, dice: random.Random) -> dict[str, object]:
        lines = [{"role": ("user", "assistant")[line % 2], "content": self._words.text(dice)} for line in range(2 * dice.randrange(10) + 1)]
        return {"model": _MODEL, "messages": [{"role": "system", "content": "You are a helpful assistant."}, *lines]}


_REPLIED = {ReplyStatus.SUCCESS, ReplyStatus.CANCELLED}


def _owners(users: int, dice: random.Random) -> Iterator[tuple[str, str]]:
    """Session id and user id, of the long and the short session first; a third of the users has a second session."""
    yield LONG_SESSION, LONG_SESSION
    yield SHORT_SESSION, SHORT_SESSION
    for number in range(users - 2):
        user_id = f"user{number:07}"
        yield user_id, user_id
        if dice.random() < _SESSIONS_A_USER - 1:
            yield f"{user_id}:work", user_id


def _sizes(turns: int, sessions: int, dice: random.Random) -> list[int]:
    """Turns of each session, at least one; together `turns`."""
    fixed = [min(LONG_SESSION_MESSAGES, turns // 5) // 2, SHORT_SESSION_MESSAGES // 2]
    weights = [dice.lognormvariate(0, _SIZE_SIGMA) for _ in range(sessions - len(fixed))]
    left = turns - sum(fixed) - len(weights)
    if left < 0:
        raise ValueError(f"{turns} turns are too few for {sessions} sessions")
    scale = left / sum(weights)
    others = [1 + int(weight * scale) for weight in weights]
    others[0] += turns - sum(fixed) - sum(others)  # what rounding left over
    return fixed + others


def _order(sizes: Sequence[int], dice: random.Random) -> list[int]:
    """All turns by time, each a packed number of time and session: five million of them have to fit into memory."""
    turns = []
    for number, size in enumerate(sizes):
        span_ms = (
            _YEAR_MS if size > _SIZE_OF_A_YEAR else min(_YEAR_MS, int(86_400_000 * dice.lognormvariate(1, 1.5)))
        )  # median of three days
        begin_ms = _BEGIN_MS + dice.randrange(_YEAR_MS - span_ms + 1)
        turns += [_packed(begin_ms + int(dice.random() * span_ms), number) for _ in range(size)]
    turns.sort()
    return turns


def _newest_of_each(order: Sequence[int], sessions: int) -> frozenset[int]:
    """The indexes of the last turns of the sessions that were written to last."""
    found: dict[int, int] = {}
    for index in reversed(range(len(order))):
        _, number = _unpacked(order[index])
        found.setdefault(number, index)
        if len(found) == sessions:
            break
    return frozenset(found.values())


def _packed(at_ms: int, session: int) -> int:
    return at_ms << _SESSION_BITS | session


def _unpacked(turn: int) -> tuple[int, int]:
    return turn >> _SESSION_BITS, turn & ((1 << _SESSION_BITS) - 1)


def _new_session(session_id: str, user_id: str, begun: datetime) -> Session:
    return Session(session_id, user_id, 0, begun, begun)


def _time(unix_ms: int) -> datetime:
    return datetime.fromtimestamp(unix_ms / 1000, UTC)


def _uuid7(unix_ms: int, dice: random.Random) -> str:
    """As `imcore.ids.new_id` makes them, at a time of our choice."""
    digits = f"{unix_ms << 80 | 7 << 76 | dice.getrandbits(12) << 64 | 2 << 62 | dice.getrandbits(62):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
