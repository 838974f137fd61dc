"""The history against what a user was told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from loadtest.users.conversation import Sent
from loadtest.users.shown_reply import Frame, ShownReply

Defects = list[tuple[str, str]]
"""The kind of each, as `Integrity` counts them, and words."""


def differences(sent: Sequence[Sent], replies: Mapping[str, ShownReply], history: Sequence[Frame]) -> Defects:
    """What the history says otherwise than the user was told, as (kind of defect, words)."""
    stored = {message["message_id"]: message for message in history}
    twice = [message_id for message_id, times in Counter(message["message_id"] for message in history).items() if times > 1]
    found = [("doubled", f"message {message_id} is in the history twice") for message_id in twice]
    accepted = {message.message_id: message for message in sent if message.record_id}
    for message in accepted.values():
        found += _difference("message", message.message_id, message.text, stored)
    told = {reply.ai_message_id: reply.text for reply in replies.values() if reply.end is not None and reply.end.get("message")}
    for ai_message_id, text in told.items():
        found += _difference("reply", ai_message_id, text, stored)
    unknown = [message_id for message_id in stored if message_id not in accepted and message_id not in told]
    found += [("doubled", f"the history has a {stored[one]['msg_type']} that nobody was told of: {one}") for one in unknown]
    strangers = set(replies) - {message.record_id for message in accepted.values()}
    return found + [
        ("violations", f"a reply was told that is none to a message of this user: record {record_id}") for record_id in strangers
    ]


def _difference(what: str, message_id: str, text: str, stored: dict[str, Frame]) -> Defects:
    if message_id not in stored:
        return [("lost", f"{what} {message_id} is not in the history")]
    if stored[message_id]["msg_content"] != text:
        return [
            ("text_mismatch", f"{what} {message_id}: {text[:100]!r} was told, the history has {stored[message_id]['msg_content'][:100]!r}")
        ]
    return []
