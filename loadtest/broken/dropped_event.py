"""One event in a thousand is lost on its last way, from the hub to the user: a hole in a text. Found as `violations`.

Lost before the hub it would harm nobody: the hub hears the gap and asks the writer for the whole text.
"""

from __future__ import annotations

from dependency_injector import providers

from adapters.websocket.hub import Hub
from entrypoints.container import ApiContainer
from imcore.events import ReplyDelta, ReplyEvent
from loadtest.broken import ONE_IN


class DroppingHub(Hub):
    """It hears every event and forgets to tell some."""

    _deltas = 0

    def deliver(self, user_id: str, event: ReplyEvent) -> None:
        if isinstance(event, ReplyDelta):
            self._deltas += 1
            if self._deltas % ONE_IN == 0:
                self._live.hear(user_id, event)
                return
        super().deliver(user_id, event)


def override() -> None:
    """Every API process has the broken hub."""
    container = ApiContainer
    limit = container.settings.provided.max_connections_per_user
    container.hub.override(providers.Singleton(DroppingHub, container.live, max_connections_per_user=limit))
