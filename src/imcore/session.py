"""Session: one user's conversation with the AI."""

from __future__ import annotations

from datetime import datetime

from imcore.value import value


@value
class Session:
    """`last_seq` is the highest `seq` that the session has given away; `updated_at` is the time of its last message."""

    session_id: str
    user_id: str
    last_seq: int
    created_at: datetime
    updated_at: datetime
