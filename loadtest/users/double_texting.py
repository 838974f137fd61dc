"""What must be true of a conversation in each mode of double texting, seen from its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from imcore.double_texting import DoubleTexting
from loadtest.model.replies import answers
from loadtest.users.conversation import Sent
from loadtest.users.history import Defects
from loadtest.users.shown_reply import CANCELLED, COMPLETED, Frame, ShownReply


def breaches(
    mode: DoubleTexting, sent: Iterable[Sent], replies: Mapping[str, ShownReply], history: Sequence[Frame], model_seed: int | None
) -> Defects:
    """What the mode does not allow. That nothing is cancelled or refused where it may not be is noticed as it happens."""
    accepted = sorted((message for message in sent if message.seq), key=lambda message: message.seq)
    seq_of = {message["message_id"]: message["seq"] for message in history}
    answered = [message for message in accepted if _end(message, replies) == COMPLETED]
    found = _out_of_order(answered, replies, seq_of)
    match mode:
        case DoubleTexting.QUEUE:
            return found + _shared(answered, replies)
        case DoubleTexting.REJECT:
            return found + _shared(answered, replies) + _not_refused(accepted, answered, replies, seq_of)
        case DoubleTexting.INTERRUPT:
            return found + _shared(answered, replies) + _cancelled_for_nothing(accepted, replies)
        case DoubleTexting.MERGE:
            return found + _wrongly_merged(answered, replies, model_seed)


def _end(message: Sent, replies: Mapping[str, ShownReply]) -> str | None:
    end = replies[message.record_id].end
    return None if end is None else str(end["type"])


def _out_of_order(answered: Sequence[Sent], replies: Mapping[str, ShownReply], seq_of: Mapping[str, int]) -> Defects:
    stored = [seq_of.get(replies[message.record_id].ai_message_id, 0) for message in answered]
    return [("out_of_order", f"the history has reply {later} before {earlier}") for earlier, later in pairwise(stored) if later < earlier]


def _shared(answered: Sequence[Sent], replies: Mapping[str, ShownReply]) -> Defects:
    groups = _groups(answered, replies)
    return [("violations", f"one reply, {one}, to {len(group)} messages") for one, group in groups.items() if len(group) > 1]


def _not_refused(
    accepted: Sequence[Sent], answered: Sequence[Sent], replies: Mapping[str, ShownReply], seq_of: Mapping[str, int]
) -> Defects:
    is_answered = {message.message_id for message in answered}
    return [
        ("violations", f"message {later.seq} was accepted before message {earlier.seq} had its reply")
        for earlier, later in pairwise(accepted)
        if earlier.message_id in is_answered and seq_of.get(replies[earlier.record_id].ai_message_id, 0) > later.seq
    ]


def _cancelled_for_nothing(accepted: Sequence[Sent], replies: Mapping[str, ShownReply]) -> Defects:
    if not accepted or _end(accepted[-1], replies) != CANCELLED:
        return []
    return [("violations", f"message {accepted[-1].seq} is the last, and its reply was cancelled")]


def _wrongly_merged(answered: Sequence[Sent], replies: Mapping[str, ShownReply], model_seed: int | None) -> Defects:
    found: Defects = []
    for group in _groups(answered, replies).values():
        text, newest = replies[group[0].record_id].text, group[-1]
        if any(replies[message.record_id].text != text for message in group):
            found.append(("text_mismatch", f"the reply to messages {[message.seq for message in group]} has several texts"))
        if model_seed is not None and not answers(text, newest.text, model_seed):
            found.append(("text_mismatch", f"{newest.text[:60]!r}, the newest of {len(group)}, was answered with {text[:100]!r}"))
    return found


def _groups(answered: Sequence[Sent], replies: Mapping[str, ShownReply]) -> Mapping[str, list[Sent]]:
    groups: defaultdict[str, list[Sent]] = defaultdict(list)
    for message in answered:
        groups[replies[message.record_id].ai_message_id].append(message)
    return groups
