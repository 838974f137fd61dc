"""Each `Notifier` as two processes see it: one that publishes, one that listens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from adapters.memory.notifier import MemoryNotifier
from adapters.pubsub.notifier import RedisNotifier
from imcore.events import ReplyDelta, ReplyEvent, WriterRequest
from imcore.ports import Notifier


@dataclass
class Heard:
    """What a listener was told, in order."""

    events: list[tuple[str, ReplyEvent]] = field(default_factory=list)
    requests: list[WriterRequest] = field(default_factory=list)
    gaps: int = 0

    def listen_to(self, notifier: Notifier) -> None:
        notifier.listen(
            on_event=lambda user_id, event: self.events.append((user_id, event)), on_request=self.requests.append, on_gap=self.gap
        )

    def gap(self) -> None:
        self.gaps += 1

    def text(self, record_id: str) -> str:
        """The reply's text; deltas have to fit together without a hole."""
        text = ""
        for _, event in self.events:
            if isinstance(event, ReplyDelta) and event.record_id == record_id:
                assert event.offset == len(text)
                text += event.text
        return text


@dataclass
class NotifierRig:
    """Listen to `near` and `far`, then `start`; publish at `near`."""

    near: Notifier
    far: Notifier
    start: Callable[[], Awaitable[None]]


@asynccontextmanager
async def memory_rig() -> AsyncIterator[NotifierRig]:
    notifier = MemoryNotifier()

    async def start() -> None:
        pass

    try:
        yield NotifierRig(notifier, notifier, start)
    finally:
        await notifier.close()


@asynccontextmanager
async def redis_rig(redis_url: str, *, silence_s: float = 10.0) -> AsyncIterator[NotifierRig]:
    near, far = (RedisNotifier(redis_url, silence_s=silence_s) for _ in range(2))

    async def start() -> None:
        await far.start()
        await near.start()

    try:
        yield NotifierRig(near, far, start)
    finally:
        await near.close()
        await far.close()
