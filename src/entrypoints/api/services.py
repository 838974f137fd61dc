"""What the API is made of: the parts that the container wires, and the few that live in this shell alone."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol, Self

from adapters.websocket.hub import Hub
from entrypoints.api.admission import Admission
from entrypoints.api.event_gaps import EventGaps
from entrypoints.api.queue_depth import QueueDepth
from entrypoints.api.rate_limit import RateLimit
from entrypoints.identity import Tokens
from entrypoints.metrics import Metrics
from entrypoints.settings import Settings
from imcore.cancel_reply import CancelReply
from imcore.catch_up import CatchUp
from imcore.live_replies import LiveReplies
from imcore.ports import MessageStore, Notifier, ReplyQueue
from imcore.read_history import ReadHistory
from imcore.resume_session import ResumeSession
from imcore.retry_reply import RetryReply
from imcore.send_message import SendMessage


class ApiContainer(Protocol):
    """The container as the API sees it. Every call gives the same object again, but for `lifecycle`.

    `lifecycle` opens the store, the notifier, the queue and, in embedded mode, the writers, and closes them in the right order.
    """

    def settings(self) -> Settings: ...
    def store(self) -> MessageStore: ...
    def queue(self) -> ReplyQueue: ...
    def notifier(self) -> Notifier: ...
    def live(self) -> LiveReplies: ...
    def hub(self) -> Hub: ...
    def send_message(self) -> SendMessage: ...
    def read_history(self) -> ReadHistory: ...
    def cancel_reply(self) -> CancelReply: ...
    def retry_reply(self) -> RetryReply: ...
    def resume_session(self) -> ResumeSession: ...
    def tokens(self) -> Tokens: ...
    def metrics(self) -> Metrics: ...
    def lifecycle(self) -> AbstractAsyncContextManager[object]: ...


@dataclass(frozen=True, slots=True)
class Services:
    """One object of each kind for the whole process."""

    settings: Settings
    store: MessageStore
    queue: ReplyQueue
    notifier: Notifier
    live: LiveReplies
    hub: Hub
    send_message: SendMessage
    read_history: ReadHistory
    cancel_reply: CancelReply
    retry_reply: RetryReply
    resume_session: ResumeSession
    tokens: Tokens
    metrics: Metrics
    rate_limit: RateLimit
    queue_depth: QueueDepth
    admission: Admission
    gaps: EventGaps

    @classmethod
    def of(cls, container: ApiContainer) -> Self:
        settings, store, live, hub, metrics = (
            container.settings(),
            container.store(),
            container.live(),
            container.hub(),
            container.metrics(),
        )
        rate_limit = RateLimit(settings.rate_limit, settings.redis_url)
        queue_depth = QueueDepth(store, settings.max_queue_depth, metrics.queue_depth)
        return cls(
            settings=settings,
            store=store,
            queue=container.queue(),
            notifier=container.notifier(),
            live=live,
            hub=hub,
            send_message=container.send_message(),
            read_history=container.read_history(),
            cancel_reply=container.cancel_reply(),
            retry_reply=container.retry_reply(),
            resume_session=container.resume_session(),
            tokens=container.tokens(),
            metrics=metrics,
            rate_limit=rate_limit,
            queue_depth=queue_depth,
            admission=Admission(rate_limit, queue_depth),
            gaps=EventGaps(CatchUp(store, live, hub.deliver, hub.connected), container.notifier()),
        )

    @property
    def max_input_bytes(self) -> int:
        """For one request body or frame: each character of the longest message may be written as two `\\\\uXXXX`."""
        return self.settings.max_message_chars * 24 + 16_384
