"""The container of the API over the memory adapters, its replies written on the same event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from adapters.memory.message_store import MemoryMessageStore
from adapters.memory.notifier import MemoryNotifier
from adapters.memory.reply_queue import MemoryReplyQueue
from adapters.websocket.hub import Hub
from adapters.websocket.outbox import OutboxLimits
from entrypoints.identity import Tokens
from entrypoints.metrics import Metrics
from entrypoints.settings import Settings
from imcore.cancel_reply import CancelReply
from imcore.delta_window import DeltaWindow
from imcore.double_texting import DoubleTexting
from imcore.live_replies import LiveReplies
from imcore.ports import LLMClient, Notifier, ReplyQueue
from imcore.read_history import ReadHistory
from imcore.reply_writers import MERGE_WINDOW_S, ReplyWriters
from imcore.resume_session import ResumeSession
from imcore.retry_reply import RetryReply
from imcore.send_message import SendMessage
from imcore.write_reply import WriteReply
from tests.fakes.steered_llm import SteeredLLMClient

SECRET = "s" * 40


class MemoryContainer:
    """Settings are given as keywords; every part can be replaced before the application is made."""

    def __init__(
        self,
        llm: LLMClient | None = None,
        *,
        notifier: MemoryNotifier | None = None,
        outbox_limits: OutboxLimits | None = None,
        **settings: object,
    ) -> None:
        self.llm = llm or SteeredLLMClient(echo=True)
        self._settings = Settings.model_validate({"guest_access": True, "rate_limit": "off", "jwt_secret": SECRET} | settings)
        self._store = MemoryMessageStore()
        self._queue = MemoryReplyQueue()
        self._notifier = notifier or MemoryNotifier()
        self._live = LiveReplies(self._notifier.publish_request)
        self._hub = Hub(self._live, max_connections_per_user=self._settings.max_connections_per_user, outbox_limits=outbox_limits)
        self._tokens = Tokens(secret=SECRET)
        self._metrics = Metrics()

    def settings(self) -> Settings:
        return self._settings

    def store(self) -> MemoryMessageStore:
        return self._store

    def queue(self) -> ReplyQueue:
        return self._queue

    def notifier(self) -> Notifier:
        return self._notifier

    def live(self) -> LiveReplies:
        return self._live

    def hub(self) -> Hub:
        return self._hub

    def tokens(self) -> Tokens:
        return self._tokens

    def metrics(self) -> Metrics:
        return self._metrics

    def send_message(self) -> SendMessage:
        settings = self._settings
        return SendMessage(
            self._store,
            self._queue,
            self._notifier,
            max_message_chars=settings.max_message_chars,
            max_pending_replies=settings.max_pending,
            double_texting=settings.double_texting,
        )

    def read_history(self) -> ReadHistory:
        return ReadHistory(self._store)

    def cancel_reply(self) -> CancelReply:
        return CancelReply(self._store, self._queue, self._notifier)

    def retry_reply(self) -> RetryReply:
        return RetryReply(self._store, self._queue, max_pending_replies=self._settings.max_pending)

    def resume_session(self) -> ResumeSession:
        return ResumeSession(self._store, self._live, self._hub.deliver)

    def lifecycle(self) -> AbstractAsyncContextManager[object]:
        return self._lifecycle()

    @asynccontextmanager
    async def _lifecycle(self) -> AsyncIterator[None]:
        write = WriteReply(self._store, self.llm, self._notifier, self._queue, self._metrics, DeltaWindow(self._notifier, window_s=0))
        merge_window_s = MERGE_WINDOW_S if self._settings.double_texting is DoubleTexting.MERGE else None
        writers = ReplyWriters(self._store, self._notifier, write, self._metrics, merge_window_s=merge_window_s)
        writers.open()
        self._queue.listen(writers.offer)
        try:
            yield
        finally:
            await writers.close(0)
            await self._queue.close()
            await self._notifier.close()
