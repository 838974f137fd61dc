"""A user of the fault suite: a ChatClient that also knows what it said, and when it heard what."""

from __future__ import annotations

import time

from imcore.ids import new_id
from tests.chat_client import ENDS, ChatClient, Frame, Shown


class User(ChatClient):
    """`texts` by message id; `heard` lists (time, record id) of each token and end. Times are `time.monotonic()`."""

    def __init__(self, urls: list[str], user_id: str, token: str) -> None:
        super().__init__(urls, user_id, token)
        self.user_id = user_id
        self.token = token
        self.texts: dict[str, str] = {}
        self.heard: list[tuple[float, str]] = []

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def waits(self) -> bool:
        """Whether a reply to an accepted message is still to come, as far as this user was told."""
        return any(not self.shown[record_id].ends for record_id in self.accepted.values())

    async def tell(self, text: str) -> str:
        """Send a message over the socket until it is accepted; returns the record's id."""
        message_id = new_id()
        self.texts[message_id] = text
        return await self.send(text, message_id)

    def adopt(self, message_id: str, record_id: str, text: str, *, sent_at: float) -> None:
        """A message of this user that was accepted over HTTP."""
        self.texts[message_id] = text
        self.accepted[message_id] = record_id
        self.sent_at[message_id] = sent_at
        self.accepted_at[message_id] = time.monotonic()
        self.shown.setdefault(record_id, Shown())

    async def _hear(self, frame: Frame) -> None:
        if frame["type"] == "reply.delta" or frame["type"] in ENDS:
            self.heard.append((time.monotonic(), frame["record_id"]))
        await super()._hear(frame)
