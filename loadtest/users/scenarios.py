"""Who the users are."""

from __future__ import annotations

import time
from collections.abc import Mapping

import gevent  # type: ignore[import-untyped]  # gevent ships no types

from loadtest.users.chat_user import ChatUser
from loadtest.users.http_chat import HttpChat
from loadtest.users.socket_chat import SocketChat

IDLE_PING_S = 60.0
MAX_DELTAS_BEFORE_DROP = 20
BURST = (2, 4)


class HttpUser(ChatUser):
    """Sends by HTTP; reads the reply in the answer to the send, or asks for it, by turns that are drawn."""

    protocol = "HTTP"

    def on_start(self) -> None:
        super().on_start()
        self.chat = HttpChat(self.conversation, self.api, self.random_for("pauses"))

    def turn(self) -> None:
        sent = self.conversation.compose(self.name)
        self.chat.say(sent, stream=self.choices.random() < 0.5)  # noqa: PLR2004  (one in two)
        self.await_reply(sent)


class WebSocketUser(ChatUser):
    """Says something, hears the whole reply, thinks, says the next thing."""

    protocol = "WebSocket"

    def on_start(self) -> None:
        super().on_start()
        self.chat = SocketChat(self.conversation, self.url, self.user_id, self.token, self.random_for("pauses"))
        self.chat.start()
        self.chat.is_ready.wait(self.crowd.options.patience_s)

    def leave(self) -> None:
        self.chat.stop()

    def turn(self) -> None:
        sent = self.conversation.compose(self.name)
        self.chat.say(sent)
        self.await_reply(sent)


class StormUser(WebSocketUser):
    """Loses the connection: in the middle of every other reply, and with all the others every `storm_every_s` seconds."""

    def on_start(self) -> None:
        super().on_start()
        self._storm = gevent.spawn(self._drop_with_all)

    def leave(self) -> None:
        self._storm.kill(block=False)
        super().leave()

    def turn(self) -> None:
        self.chat.deltas_until_drop = self.choices.randint(-MAX_DELTAS_BEFORE_DROP, MAX_DELTAS_BEFORE_DROP)
        super().turn()

    def _drop_with_all(self) -> None:
        """By the wall clock, which all processes share."""
        every_s = self.crowd.options.storm_every_s
        while True:
            gevent.sleep(every_s - time.time() % every_s)
            self.chat.drop()


class DoubleTextingUser(WebSocketUser):
    """Says several things at once, then waits for all the replies. What is right then depends on the service's mode."""

    def turn(self) -> None:
        burst = [self.conversation.compose(self.name) for _ in range(self.choices.randint(*BURST))]
        for sent in burst:
            self.chat.say(sent)
        for sent in burst:
            self.await_reply(sent)


class IdleUser(WebSocketUser):
    """Is there, and says nothing but a ping now and then."""

    def wait_time(self) -> float:
        return IDLE_PING_S * (0.5 + self.choices.random())

    def turn(self) -> None:
        self.chat.ping()


SCENARIOS: Mapping[str, tuple[type[ChatUser], ...]] = {
    "http": (HttpUser,),
    "websocket": (WebSocketUser,),
    "mixed": (HttpUser, WebSocketUser),
    "storm": (StormUser,),
    "double-texting": (DoubleTextingUser,),
    "idle": (IdleUser,),
}
