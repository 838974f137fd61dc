"""A user without a WebSocket: each message is sent by HTTP, its reply followed by server-sent events."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import gevent  # type: ignore[import-untyped]  # gevent ships no types

from loadtest.users.api import Api, RefusedError
from loadtest.users.conversation import Conversation, Sent
from loadtest.users.shown_reply import Frame
from loadtest.users.socket_chat import AGAIN, SEND_TRIES

FOLLOW_TRIES = 20
FOLLOW_AGAIN_S = 0.5


class HttpChat:
    """Each exchange is a greenlet of its own: so it is finished even if the user is stopped."""

    def __init__(self, conversation: Conversation, api: Api, random: Random) -> None:
        self.conversation = conversation
        self._api = api
        self._random = random

    def say(self, sent: Sent, *, stream: bool) -> None:
        """Send a message; with `stream` the reply is told in the answer to the send itself, else asked for."""
        gevent.spawn(self._exchange, sent, stream)

    def _exchange(self, sent: Sent, stream: bool) -> None:
        if not self._accepted(sent, stream):
            return
        for _ in range(FOLLOW_TRIES):
            if sent.settled.is_set():
                return
            if sent.first_at:  # it broke in the middle
                self.conversation.integrity.count("reconnects")
            try:
                self._hear_all(self._api.events(sent.message_id, self._place(sent)))
            except RefusedError:
                gevent.sleep(FOLLOW_AGAIN_S * (0.5 + self._random.random()))

    def _accepted(self, sent: Sent, stream: bool) -> bool:
        """Send until it is accepted; False if it is given up."""
        message = {"message_id": sent.message_id, "session_id": self.conversation.session_id, "msg_content": sent.text}
        for left in reversed(range(SEND_TRIES)):
            try:
                self._hear_all(self._api.send(message, stream=stream))
            except RefusedError as refused:
                if sent.record_id:  # it was accepted, and the stream broke
                    return True
                again = left > 0 and (refused.status is None or refused.code in AGAIN)
                self.conversation.reject(sent, refused.code, refused.status, finally_=not again)
                if not again:
                    return False
                gevent.sleep(refused.retry_after_s + self._random.random())
            else:
                return True
        return False

    def _hear_all(self, frames: Iterable[Frame]) -> None:
        for frame in frames:
            self._hear(frame)

    def _hear(self, frame: Frame) -> None:
        if frame["type"] == "message.accepted":
            self.conversation.accept(frame["message"], frame["record_id"])
        else:
            self.conversation.hear(frame)

    def _place(self, sent: Sent) -> str | None:
        """What of the reply this user has read, as `Last-Event-ID` says it."""
        reply = self.conversation.replies[sent.record_id]
        return f"{reply.attempt}:{len(reply.text)}" if reply.attempt else None
