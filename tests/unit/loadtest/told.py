"""A conversation to be told of what an imagined service does."""

from __future__ import annotations

from random import Random
from typing import Any

from imcore.double_texting import DoubleTexting
from loadtest.model.replies import reply_to
from loadtest.users.conversation import Conversation, Sent
from loadtest.users.integrity import Integrity

SEED = 3
USER = "ann"


def conversation(mode: DoubleTexting = DoubleTexting.QUEUE, model_seed: int | None = SEED, dice: int = 1) -> Conversation:
    return Conversation(USER, Random(dice), Integrity(), lambda *_: None, model_seed=model_seed, mode=mode)


def accepted(talk: Conversation, seq: int) -> Sent:
    """The next message, which the service takes."""
    sent = talk.compose(USER)
    talk.accept(stored(sent, seq), f"record-{seq}")
    return sent


def stored(sent: Sent, seq: int) -> dict[str, Any]:
    return {"message_id": sent.message_id, "session_id": USER, "seq": seq, "msg_type": "TEXT", "msg_content": sent.text}


def reply_message(text: str, seq: int, ai_message_id: str) -> dict[str, Any]:
    return {"message_id": ai_message_id, "session_id": USER, "seq": seq, "msg_type": "AI_REPLY", "msg_content": text}


def right_reply(sent: Sent) -> str:
    return reply_to(sent.text, SEED, words=12)


def completes(talk: Conversation, sent: Sent, text: str | None = None, *, seq: int = 0, ai_message_id: str = "") -> dict[str, Any]:
    """The reply to a message ends well; returns its message."""
    message = reply_message(right_reply(sent) if text is None else text, seq, ai_message_id or f"ai-{sent.record_id}")
    talk.hear({"type": "reply.completed", "record_id": sent.record_id, "attempt": 1, "message": message})
    return message


def cancels(talk: Conversation, sent: Sent, text: str = "") -> None:
    message = reply_message(text, 0, f"ai-{sent.record_id}") if text else None
    talk.hear({"type": "reply.cancelled", "record_id": sent.record_id, "attempt": 1, "message": message})


def defects(talk: Conversation) -> dict[str, int]:
    """Those kinds of which there are any."""
    counts = talk.integrity.counts()
    return {kind: counts[kind] for kind in ("lost", "doubled", "out_of_order", "text_mismatch", "violations") if counts[kind]}
