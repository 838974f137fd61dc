"""The wiring: one container a process. The only file that names concrete adapters; those that are slow to import are named late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dependency_injector import containers, providers

from adapters.llm.closable import ClosableLLMClient
from adapters.llm.factory import LLMOptions, build_llm_client
from adapters.memory.notifier import MemoryNotifier
from adapters.memory.reply_queue import MemoryReplyQueue
from adapters.pubsub.connection import redis_client
from adapters.pubsub.notifier import RedisNotifier
from adapters.sql.engine import open_engines
from adapters.sql.message_store import SqlAlchemyMessageStore
from adapters.websocket.hub import Hub
from entrypoints.identity import build_tokens
from entrypoints.lifecycle import serving, working
from entrypoints.metrics import Metrics
from entrypoints.settings import Settings, WrongSettingsError
from imcore.cancel_reply import CancelReply
from imcore.delta_window import DeltaWindow
from imcore.double_texting import DoubleTexting
from imcore.live_replies import LiveReplies
from imcore.ports import LLMClient, MessageStore, Notifier, ReplyMeter, ReplyQueue
from imcore.prompt import PromptBudget
from imcore.read_history import ReadHistory
from imcore.reply_writers import MERGE_WINDOW_S, ReplyWriters
from imcore.resume_session import ResumeSession
from imcore.retry_reply import RetryReply
from imcore.send_message import SendMessage
from imcore.write_reply import WriteReply

if TYPE_CHECKING:
    from adapters.task_queue.consumer import CeleryHintConsumer
    from adapters.task_queue.reply_queue import CeleryReplyQueue

EMBEDDED_SLOTS = 200

Celery = Any  # it ships no types, and only its adapter may import it


def build_store(settings: Settings, process: str) -> SqlAlchemyMessageStore:
    """The database's adapter; nothing is connected yet."""
    try:
        return SqlAlchemyMessageStore(open_engines(settings.store_url, application_name=f"imcore-{process}"))
    except ValueError as error:
        raise WrongSettingsError(f"IM_DATABASE_URL: {error}") from None


def build_celery(settings: Settings) -> Celery:
    """The application that carries hints, None in embedded mode."""
    if settings.redis_url is None:
        return None
    from adapters.task_queue.celery_app import celery_app  # noqa: PLC0415  # Celery takes a quarter of a second to import

    try:
        return celery_app(settings.redis_url)
    except ValueError as error:
        raise WrongSettingsError(f"IM_REDIS_URL: {error}") from None


def build_queue(settings: Settings, celery: Celery, notifier: MemoryNotifier | RedisNotifier) -> MemoryReplyQueue | CeleryReplyQueue:
    """Celery's adapter, or the one of embedded mode."""
    if settings.redis_url is None or isinstance(notifier, MemoryNotifier):
        return MemoryReplyQueue()
    from adapters.task_queue.hint_broker import HintBroker  # noqa: PLC0415  # as above
    from adapters.task_queue.reply_queue import CeleryReplyQueue  # noqa: PLC0415  # as above

    client = redis_client(settings.redis_url, name="imcore-hints", repeats=True)  # a repeated hint is harmless
    return CeleryReplyQueue(HintBroker(celery, client), origin=lambda: notifier.origin)


def build_consumer(celery: Celery, queue: ReplyQueue, writers: ReplyWriters) -> CeleryHintConsumer:
    """What takes hints from Celery's queue and brings them to the writers."""
    from adapters.task_queue.consumer import CeleryHintConsumer  # noqa: PLC0415  # as above

    return CeleryHintConsumer(celery, queue, writers.offer)


def build_notifier(settings: Settings) -> MemoryNotifier | RedisNotifier:
    """Redis' adapter, or the one of embedded mode."""
    return MemoryNotifier() if settings.redis_url is None else RedisNotifier(settings.redis_url)


def build_llm(settings: Settings) -> ClosableLLMClient:
    """The model that the settings name. Takes seconds where LangChain has to be imported."""
    return build_llm_client(
        LLMOptions(
            llm=settings.llm,
            model=settings.llm_model,
            base_url=settings.llm_base_url,
            api_key=settings.llm_api_key,
            client=settings.llm_client,
            fallback_models=settings.llm_fallback_models,
            timeout_s=settings.llm_timeout_s,
            first_token_timeout_s=settings.llm_first_token_timeout_s,
            max_retries=settings.llm_max_retries,
            mode=settings.reply_mode,
        )
    )


def build_writers(
    settings: Settings, *, store: MessageStore, queue: ReplyQueue, notifier: Notifier, llm: LLMClient, meter: ReplyMeter, slots: int
) -> ReplyWriters:
    """What writes replies, in the worker and in embedded mode alike."""
    budget = PromptBudget(settings.system_prompt, settings.history_messages, settings.history_tokens)
    write = WriteReply(store, llm, notifier, queue, meter, DeltaWindow(notifier), budget)
    merge_window_s = MERGE_WINDOW_S if settings.double_texting is DoubleTexting.MERGE else None
    return ReplyWriters(store, notifier, write, meter, history_messages=budget.history_messages, slots=slots, merge_window_s=merge_window_s)


class ApiContainer(containers.DeclarativeContainer):
    """`imcore serve`: everything that a request needs; in embedded mode the writers as well."""

    settings = providers.Dependency(instance_of=Settings)
    tokens = providers.Singleton(build_tokens, settings)
    metrics = providers.Singleton(Metrics)
    store = providers.Singleton(build_store, settings, "api")
    celery = providers.Singleton(build_celery, settings)
    notifier = providers.Singleton(build_notifier, settings)
    queue = providers.Singleton(build_queue, settings, celery, notifier)
    live = providers.Singleton(LiveReplies, notifier.provided.publish_request, here=notifier.provided.name)
    hub = providers.Singleton(Hub, live, max_connections_per_user=settings.provided.max_connections_per_user)
    send_message = providers.Singleton(
        SendMessage,
        store,
        queue,
        notifier,
        max_message_chars=settings.provided.max_message_chars,
        max_pending_replies=settings.provided.max_pending,
        double_texting=settings.provided.double_texting,
    )
    read_history = providers.Singleton(ReadHistory, store)
    cancel_reply = providers.Singleton(CancelReply, store, queue, notifier)
    retry_reply = providers.Singleton(RetryReply, store, queue, max_pending_replies=settings.provided.max_pending)
    resume_session = providers.Singleton(ResumeSession, store, live, hub.provided.deliver)
    llm = providers.Singleton(build_llm, settings)
    writers = providers.Singleton(
        build_writers, settings, store=store, queue=queue, notifier=notifier, llm=llm, meter=metrics, slots=EMBEDDED_SLOTS
    )
    __self__ = providers.Self()
    lifecycle = providers.Callable(serving, __self__)


class WorkerContainer(containers.DeclarativeContainer):
    """`imcore worker`: the writers, and the consumer that brings them hints."""

    settings = providers.Dependency(instance_of=Settings)
    concurrency = providers.Dependency(instance_of=int)
    metrics = providers.Singleton(Metrics)
    store = providers.Singleton(build_store, settings, "worker")
    celery = providers.Singleton(build_celery, settings)
    notifier = providers.Singleton(build_notifier, settings)
    queue = providers.Singleton(build_queue, settings, celery, notifier)
    llm = providers.Singleton(build_llm, settings)
    writers = providers.Singleton(
        build_writers, settings, store=store, queue=queue, notifier=notifier, llm=llm, meter=metrics, slots=concurrency
    )
    consumer = providers.Singleton(build_consumer, celery, queue, writers)
    __self__ = providers.Self()
    lifecycle = providers.Callable(working, __self__)


class CliContainer(containers.DeclarativeContainer):
    """The commands that look at an installation, or mend it."""

    settings = providers.Dependency(instance_of=Settings)
    tokens = providers.Singleton(build_tokens, settings)
    store = providers.Singleton(build_store, settings, "cli")
    celery = providers.Singleton(build_celery, settings)
    notifier = providers.Singleton(build_notifier, settings)
    queue = providers.Singleton(build_queue, settings, celery, notifier)
    llm = providers.Singleton(build_llm, settings)
