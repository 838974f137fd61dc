"""Session: one user's conversation with the AI."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Session:
    """`last_seq` is the highest `seq` that the session has given away; `updated_at` is the time of its last message."""

    session_id: str
    user_id: str
    last_seq: int
    created_at: datetime
    updated_at: datetime
