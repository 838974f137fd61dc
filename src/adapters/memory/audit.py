"""The audit of a MessageStore in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from imcore.chat_record import ChatRecord, ReplyStatus
from imcore.message import Message, MessageType
from imcore.ports import Audit


def audited(messages: Collection[Message], records: Collection[ChatRecord], before: datetime) -> Audit:
    """Counts over what was made until `before`."""
    asked = {record.user_message_id for record in records}
    replies = {record.ai_message_id for record in records}
    kept = {message.message_id for message in messages}
    old_messages = [message for message in messages if message.created_at <= before]
    old_records = [record for record in records if record.created_at <= before]
    answers = Counter(record.user_message_id for record in old_records if record.ai_message_id)
    return Audit(
        messages_without_record=sum(line.msg_type is MessageType.TEXT and line.message_id not in asked for line in old_messages),
        records_not_final=sum(record.is_open for record in old_records),
        success_without_reply=sum(record.status is ReplyStatus.SUCCESS and record.ai_message_id not in kept for record in old_records),
        replies_without_record=sum(line.msg_type is MessageType.AI_REPLY and line.message_id not in replies for line in old_messages),
        double_replies=sum(count > 1 for count in answers.values()),
    )
