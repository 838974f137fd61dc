"""The verdict on one user's messages: what was lost, doubled, mixed up or out of order, by what is stored and what was shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from tests.chat_client import Shown
from tests.faults.evidence import Evidence, Json, Said
from tests.stand_ins.steady_words import expected_reply

PROCESSING, SUCCESS, FAILED, CANCELLED = range(4)
END_OF_STATUS = {SUCCESS: "reply.completed", FAILED: "reply.failed", CANCELLED: "reply.cancelled"}


@dataclass(slots=True)
class Verdict:
    """Each list holds one line a case, which names the message."""

    accepted: int = 0
    replied: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    cancelled: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    out_of_order: list[str] = field(default_factory=list)
    mixed: list[str] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.out_of_order or self.mixed or self.violations)


def judge(evidence: Evidence) -> Verdict:
    """All users' messages, and the audit's counts where they say more."""
    verdict = Verdict()
    for said in evidence.said:
        _judge_user(said, verdict)
    audit = evidence.audit
    for name in ("messages_without_record", "records_not_final", "success_without_reply"):
        verdict.lost += [f"audit: {name}"] * max(0, audit[name] - len(verdict.lost))
    for name in ("replies_without_record", "double_replies"):
        verdict.doubled += [f"audit: {name}"] * max(0, audit[name] - len(verdict.doubled))
    return verdict


def _judge_user(said: Said, verdict: Verdict) -> None:
    user = said.user
    verdict.accepted += len(user.accepted)
    verdict.violations += [f"{user.user_id}: {violation}" for violation in user.violations]
    verdict.out_of_order += _out_of_order(said)
    verdict.doubled += _doubled_messages(said)
    for message_id, record_id in user.accepted.items():
        records = said.record_of(message_id)
        name = f"{user.texts[message_id]!r} ({record_id})"
        if len(records) > 1:
            verdict.doubled.append(f"{name} has {len(records)} records")
        elif not records or records[0]["status"] == PROCESSING:
            verdict.lost.append(f"{name} has no end")
        else:
            _judge_reply(name, records[0], said, verdict)


def _judge_reply(name: str, record: Json, said: Said, verdict: Verdict) -> None:
    shown = said.user.shown[record["record_id"]]
    stored = next((message for message in said.replies if message["message_id"] == record["ai_message_id"]), None)
    if not shown.ends:
        verdict.lost.append(f"{name} has an end of which nobody was told")
    verdict.doubled += [f"{name}: {problem}" for problem in _two_ends(record, shown)]
    text = stored["msg_content"] if stored else None
    if record["status"] == SUCCESS:
        verdict.replied += 1
        if text != expected_reply(said.user.texts[record["user_message_id"]]):
            verdict.mixed.append(f"{name} was answered {text!r}")
    elif record["status"] == FAILED:
        verdict.failed[record["error_code"] or ""] += 1
        if not record["error_code"]:
            verdict.lost.append(f"{name} failed without a reason")
    else:
        verdict.cancelled += 1
        if not expected_reply(said.user.texts[record["user_message_id"]]).startswith(text or ""):
            verdict.mixed.append(f"{name} was answered {text!r}")
    if text is not None and shown.ends and shown.text != text:
        verdict.mixed.append(f"{name}: shown {shown.text!r}, stored {text!r}")


def _two_ends(record: Json, shown: Shown) -> Iterator[str]:
    """An end may be told again after a `resume`, but it must be the same, and the one that is stored."""
    told = {(end["type"], (end.get("message") or {}).get("msg_content")) for end in shown.ends}
    if len(told) > 1:
        yield f"{len(told)} different ends"
    elif told and next(iter(told))[0] != END_OF_STATUS[record["status"]]:
        yield f"told {next(iter(told))[0]}, stored {END_OF_STATUS[record['status']]}"


def _doubled_messages(said: Said) -> Iterator[str]:
    """No two whole replies of a user are the same text, since no two of their messages are; cut short they may be."""
    record_of = {record["ai_message_id"]: record for record in said.records}
    whole = [reply for reply in said.replies if record_of.get(reply["message_id"], {}).get("status") != CANCELLED]
    for text, count in Counter(reply["msg_content"] for reply in whole).items():
        if count > 1:
            yield f"{said.user.user_id}: {count} replies {text!r}"
    for reply in said.replies:
        if reply["message_id"] not in record_of:
            yield f"{said.user.user_id}: a reply without a record, {reply['msg_content']!r}"


def _out_of_order(said: Said) -> Iterator[str]:
    """Completed replies follow one another as the messages do that they answer."""
    seq_of = {message["message_id"]: message["seq"] for message in said.messages}
    asked = {record["ai_message_id"]: seq_of.get(record["user_message_id"], 0) for record in said.records if record["status"] == SUCCESS}
    order = [asked[message["message_id"]] for message in said.replies if message["message_id"] in asked]
    for before, after in pairwise(order):
        if before > after:
            yield f"{said.user.user_id}: the reply to message {after} came after the reply to {before}"
