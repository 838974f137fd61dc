"""How the worker runs a hint: there and then."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from celery import Celery, Task  # type: ignore[import-untyped]  # it ships no types
from celery.exceptions import InvalidTaskError  # type: ignore[import-untyped]  # it ships no types
from celery.worker.consumer import Consumer  # type: ignore[import-untyped]  # it ships no types
from kombu.message import Message

logger = logging.getLogger(__name__)


def run_at_once(task: Task, _app: Celery, consumer: Consumer) -> Callable[..., None]:
    """A strategy, as Celery calls what takes a task's messages: acknowledge and call the task, in the worker's loop.

    Celery's own makes a request, traces it and hands it to a pool. A hint uses nothing of that (result, retry, expiry, ETA, events,
    signals), and it would cost a third of what the worker spends on one.
    """

    def take(message: Message, _body: object, acknowledge: Callable[..., None], *_: Any) -> None:
        match message.payload:
            case [list() as args, dict() as kwargs, *_]:
                acknowledge(logger, consumer.connection_errors)
            case _:
                raise InvalidTaskError("A hint's body is [args, kwargs, …].")
        try:
            task.run(*args, **kwargs)
        except Exception:  # as in Celery: one that fails does not end the worker
            logger.exception("A hint failed")

    return take
