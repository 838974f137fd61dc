"""The users of one Locust process, and what they share."""

from __future__ import annotations

from collections import Counter
from weakref import WeakKeyDictionary

import orjson
from gevent.pool import Group  # type: ignore[import-untyped]  # gevent ships no types
from geventhttpclient.client import HTTPClient
from locust.env import Environment

from entrypoints.identity import Tokens
from loadtest.users.integrity import Integrity
from loadtest.users.options import Options

_crowds: WeakKeyDictionary[Environment, Crowd] = WeakKeyDictionary()


class Crowd:
    """`settling` are the users who have stopped talking and wait for their last replies."""

    def __init__(self, environment: Environment, options: Options) -> None:
        self.options = options
        self.integrity = Integrity()
        self.settling = Group()
        self._environment = environment
        self._tokens = Tokens(secret=options.jwt_secret) if options.jwt_secret else None
        self._numbers: Counter[str] = Counter()
        _crowds[environment] = self
        environment.events.user_error.add_listener(self._on_user_error)  # type: ignore[no-untyped-call]  # Locust's

    @classmethod
    def of(cls, environment: Environment) -> Crowd:
        """That of a Locust process, made of its options when it is first asked for."""
        if environment not in _crowds:
            asked = environment.parsed_options
            assert asked is not None  # noqa: S101  (Locust has a command line, and so has `python -m loadtest.users`)
            hosts = tuple((environment.host or "http://127.0.0.1:8000").split(","))
            cls(environment, Options.of(asked, hosts=hosts))
        return _crowds[environment]

    def _on_user_error(self, exception: Exception, **_: object) -> None:
        self.integrity.defect("violations", f"a user of this test failed: {exception!r}")

    def next_name(self, kind: str) -> tuple[str, int]:
        """What a new user of this kind says of themselves, the same in every run; and their number in this process, from 0."""
        number = self._numbers[kind]
        self._numbers[kind] += 1
        process = getattr(self._environment.runner, "worker_index", 0) or 0
        return f"{kind}-{process}-{number}", number

    def sign_in(self, url: str, name: str) -> tuple[str, str]:
        """A user's id and token; a guest's, if there is no secret to sign with."""
        if self._tokens is not None:
            user_id = f"{self.options.run}-{name}"
            return user_id, self._tokens.issue(user_id)
        client = HTTPClient.from_url(url)
        answer = orjson.loads(client.post("/api/auth/guest").read())
        client.close()
        return answer["user_id"], answer["token"]
