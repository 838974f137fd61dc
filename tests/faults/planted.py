"""imcore with a bug planted in it, to see the suite catch it: `python -m tests.faults.planted BUG serve|worker …` in place of `imcore`.

Nothing of this is in the service: a name is rebound in the process before its command runs.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Collection
from typing import Any

DROPPED_IN = 1000
COMMIT_S = 0.05


def fence() -> None:
    """Whoever once held a lease may renew it and finish, whatever has happened since."""
    import adapters.sql.claims  # noqa: PLC0415  (only what is planted is loaded)
    import adapters.sql.ends  # noqa: PLC0415

    def is_held(record: object, lease: object) -> bool:
        del lease
        return record is not None

    adapters.sql.claims.is_held = is_held
    adapters.sql.ends.is_held = is_held


def enqueue_early() -> None:
    """The hint leaves before the commit, and nobody sweeps for what it then misses."""
    from imcore.ids import owned_session_id  # noqa: PLC0415
    from imcore.reply_writers import ReplyWriters  # noqa: PLC0415
    from imcore.send_message import SendMessage  # noqa: PLC0415

    commit = SendMessage.__call__

    async def send(self: SendMessage, user_id: str, *arguments: Any, **named: Any) -> Any:
        self.queue.enqueue([owned_session_id(user_id, named.get("session_id"))])
        await asyncio.sleep(COMMIT_S)
        return await commit(_Mute.of(self), user_id, *arguments, **named)

    async def no_sweep(_: ReplyWriters) -> int:
        return 0

    SendMessage.__call__ = send  # type: ignore[method-assign]  # the bug
    ReplyWriters.sweep = no_sweep  # type: ignore[method-assign]  # the bug


class _Mute:
    """A queue that says nothing."""

    def enqueue(self, session_ids: Collection[str]) -> None:
        """Too late: it was hinted before."""

    @classmethod
    def of(cls, use_case: Any) -> Any:
        from dataclasses import replace  # noqa: PLC0415

        return replace(use_case, queue=cls())


def drop_event() -> None:
    """One delta in a thousand is lost on its way from the hub to the clients."""
    from adapters.websocket.outbox import Outbox  # noqa: PLC0415

    offer = Outbox.offer
    deltas = 0

    def forgetful(self: Outbox, frame: Any) -> bool:
        nonlocal deltas
        deltas += frame.delta is not None
        if frame.delta is not None and deltas % DROPPED_IN == 0:
            return True
        return offer(self, frame)

    Outbox.offer = forgetful  # type: ignore[method-assign]  # the bug


PLANTS: dict[str, Callable[[], None]] = {"fence": fence, "enqueue-early": enqueue_early, "drop-event": drop_event}


def main() -> None:
    """Plant the bug that the first argument names, then be `imcore` with the others."""
    PLANTS[sys.argv.pop(1)]()
    from entrypoints.cli import main as imcore  # noqa: PLC0415  (after the planting)

    imcore()


if __name__ == "__main__":
    main()
