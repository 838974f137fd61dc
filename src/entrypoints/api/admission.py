"""Whether a send or a retry may be tried at all: before anything of it is stored."""

from __future__ import annotations

from dataclasses import dataclass

from entrypoints.api.queue_depth import QueueDepth
from entrypoints.api.rate_limit import RateLimit


@dataclass(frozen=True, slots=True)
class Admission:
    rate_limit: RateLimit
    queue_depth: QueueDepth

    async def check(self, user_id: str) -> None:
        """Count one send or retry of the user.

        Raises:
            QueueFullError: too many replies of all users are still to come.
            RateLimitedError: this user sends too fast.
        """
        self.queue_depth.check()
        await self.rate_limit.hit("send", user_id)
