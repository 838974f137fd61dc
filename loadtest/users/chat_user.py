"""What all users have in common: a name, a conversation, a pace, and a settling at the end."""

from __future__ import annotations

from random import Random
from typing import Any, ClassVar

from locust import User, task
from locust.env import Environment

from loadtest.users.api import Api
from loadtest.users.conversation import Conversation, Sent
from loadtest.users.crowd import Crowd
from loadtest.users.settling import Settling


class ReplyProblemError(Exception):
    """What Locust shows as a failure: the code of a refusal, or of a reply that failed."""


class ChatUser(User):
    """Everything that this user decides is drawn from the seed and the user's name."""

    abstract = True
    protocol: ClassVar[str] = ""

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self.crowd = Crowd.of(environment)
        options = self.crowd.options
        self.name, self.number = self.crowd.next_name(type(self).__name__)
        self.choices = self.random_for("choices")
        self._thoughts = self.random_for("thoughts")
        self.url = options.hosts[self.number % len(options.hosts)]

    def on_start(self) -> None:
        options = self.crowd.options
        self.user_id, self.token = self.crowd.sign_in(self.url, self.name)
        self.api = Api(self.url, self.token)
        self.conversation = Conversation(
            self.user_id,
            self.random_for("texts"),
            self.crowd.integrity,
            self.fire,
            model_seed=options.model_seed,
            mode=options.double_texting,
        )

    def on_stop(self) -> None:
        """Settle, in a greenlet of its own: Locust may stop this one at any time."""
        if hasattr(self, "conversation"):  # else stopped before it had a name
            self.crowd.settling.spawn(self._settle).join()

    def _settle(self) -> None:
        try:
            Settling(self.conversation, self.api, patience_s=self.crowd.options.patience_s).settle()
        finally:
            self.leave()

    @task
    def take_turn(self) -> None:
        """The only task: Locust would run those of all base classes."""
        self.turn()

    def turn(self) -> None:
        """What this user does between two thoughts."""
        raise NotImplementedError

    def leave(self) -> None:
        """Close what is open."""

    def wait_time(self) -> float:
        return self.crowd.options.think.draw(self._thoughts)

    def random_for(self, what: str) -> Random:
        """A die of this user's, for one purpose: so that one's rolls do not depend on another's."""
        return Random(f"{self.crowd.options.seed} {self.name} {what}")  # noqa: S311  (repeatable, not secret)

    def await_reply(self, sent: Sent) -> None:
        """Until its end, or as long as this user has patience."""
        sent.settled.wait(self.crowd.options.patience_s)

    def fire(self, name: str, seconds: float, wrong: str | None) -> None:
        """Tell Locust of a time."""
        details: dict[str, Any] = {"response_length": 0, "context": {}, "exception": ReplyProblemError(wrong) if wrong else None}
        self.environment.events.request.fire(request_type=self.protocol, name=name, response_time=seconds * 1000, **details)
