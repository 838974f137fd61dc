"""Double texting: a user sends a message while the session still waits for a reply."""

from __future__ import annotations

from enum import StrEnum


class DoubleTexting(StrEnum):
    """What becomes of that message, and of the reply."""

    QUEUE = "queue"  # it waits for its turn
    INTERRUPT = "interrupt"  # the reply is cancelled, its text so far kept; the message is answered next
    REJECT = "reject"  # it is refused, nothing is kept
    MERGE = "merge"  # all that waits when a reply is begun is answered by that one reply
