"""A profile: which adapters and how many processes a load test runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Store = Literal["memory", "sqlite", "postgresql", "mariadb"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One installation, by its adapters.

    `queue` and `push` go together: both within the API's own process (then it writes the replies, and there are no workers), or Celery and
    Redis. `settings` are further `IM_…` variables without the prefix, `load` options of the command that
    are other than usual here (`{"tokens_per_s": "fixed:0"}`). `overrides` is a module of the kit whose `override()` puts adapters
    of its own in the container's place, before the process's command runs.
    """

    name: str
    title: str
    store: Store = "postgresql"
    queue: Literal["in-process", "celery"] = "celery"
    push: Literal["in-process", "redis"] = "redis"
    model: Literal["default", "chat-openai", "lean"] = "default"
    replies: Literal["stream", "whole"] = "stream"
    apis: int = 1
    workers: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    load: Mapping[str, str] = field(default_factory=dict)
    overrides: str = ""

    def __post_init__(self) -> None:
        if (self.queue == "celery") != (self.push == "redis"):
            raise ValueError(f"{self.name}: Celery and Redis' push go together, imcore has one setting for both")
        if self.embedded and (self.apis, self.workers) != (1, 0):
            raise ValueError(f"{self.name}: without Celery one API process is everything; apis=1, workers=0")
        if self.store == "memory" and not (self.embedded and self.overrides):
            raise ValueError(f"{self.name}: a store in memory is one process's own, and has to be put in the container's place")

    @property
    def embedded(self) -> bool:
        """Whether the API's own process writes the replies."""
        return self.queue == "in-process"

    @property
    def adapters(self) -> dict[str, str | int]:
        """As the result tells it."""
        own = {"store": self.store, "queue": self.queue, "push": self.push, "model": self.model, "replies": self.replies}
        return {**own, "apis": self.apis, "workers": self.workers, **({"overrides": self.overrides} if self.overrides else {})}

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the adapters, as `IM_…` variables without the prefix."""
        client = {} if self.model == "default" else {"LLM_CLIENT": self.model}
        return {"REPLY_MODE": self.replies, **client, **self.settings}
