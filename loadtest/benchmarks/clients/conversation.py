"""What a user in conversation does whichever service it talks to."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod

from loadtest.benchmarks.clients.tally import Tally, now
from loadtest.benchmarks.clients.websocket import WebSocketConnection

AGAIN_S = 1.0


class ConversationUser(ABC):
    """A closed loop of one. Counts `replies`, times `accept`, `first_token` and `reply` from the moment of the send."""

    def __init__(self, user_id: str, port: int, tally: Tally, expected: str | None) -> None:
        self.user_id = user_id
        self.port = port
        self.tally = tally
        self.is_leaving = False
        self.is_waiting = False
        self.sent_at = 0.0
        self.text = ""
        self.socket: WebSocketConnection | None = None
        self._expected = expected
        self._first_at: float | None = None
        self._accepted = self._whole = False

    @abstractmethod
    async def connect(self) -> None:
        """Open what it needs."""

    @abstractmethod
    def send(self) -> None:
        """Send the next message."""

    def say(self) -> None:
        """Send, and wait for the reply."""
        if self.is_leaving:
            return
        self.text, self._first_at, self._accepted, self._whole = "", None, False, False
        self.is_waiting, self.sent_at = True, now()
        self.send()

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()

    # What it hears

    def accepted(self) -> None:
        self.tally.time("accept", now() - self.sent_at)
        self._accepted = True
        self._go_on()

    def token(self) -> None:
        if self._first_at is None:
            self._first_at = now()

    def completed(self, text: str) -> None:
        """`text` is the reply as the service has stored it."""
        if text != self.text or not text or (self._expected is not None and text != self._expected):
            self.tally.fail(f"{self.user_id}: shown {self.text!r}, stored {text!r}")
        self.tally.count("replies")
        self.tally.time("first_token", (self._first_at or now()) - self.sent_at)
        self.tally.time("reply", now() - self.sent_at)
        self._whole = True
        self._go_on()

    def failed(self, problem: str) -> None:
        self.tally.fail(f"{self.user_id}: {problem}")
        self.is_waiting = False
        asyncio.get_running_loop().call_later(AGAIN_S, self.say)

    def _go_on(self) -> None:
        """The reply may be whole before the answer to the send is here."""
        if self._accepted and self._whole:
            self.is_waiting = False
            self.say()
