"""Why a WebSocket is closed by the server: the codes of the public interface."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CloseCode:
    """`name` is the metric's label, `reason` what the client reads (at most 123 bytes)."""

    code: int
    name: str
    reason: str
    flush: bool = True
    """Whether what is queued is sent first."""


GOING_AWAY = CloseCode(1001, "going_away", "The server is going away: reconnect and resume.")
FRAME_TOO_BIG = CloseCode(1009, "frame_too_big", "The frame is too big.")
BAD_FRAMES = CloseCode(4400, "bad_frames", "One frame after another was not valid.")
TOKEN_EXPIRED = CloseCode(4401, "token_expired", "The token has expired: reconnect with a new one.")
IDLE = CloseCode(4408, "idle", "Nothing was sent or received for too long: send a ping now and then.")
TOO_SLOW = CloseCode(4409, "too_slow", "Too slow for what is sent: reconnect and resume.", flush=False)
TOO_MANY_CONNECTIONS = CloseCode(4429, "too_many_connections", "Too many connections of this user.")
TOO_MANY_FRAMES = CloseCode(4429, "too_many_frames", "Too many frames a second.")

ALL = (GOING_AWAY, FRAME_TOO_BIG, BAD_FRAMES, TOKEN_EXPIRED, IDLE, TOO_SLOW, TOO_MANY_CONNECTIONS, TOO_MANY_FRAMES)
