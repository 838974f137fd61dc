"""A user's WebSocket: kept open, resumed after each connect, and read by one greenlet."""

from __future__ import annotations

import time
from random import Random

import gevent  # type: ignore[import-untyped]  # gevent ships no types
import orjson
from gevent.event import Event  # type: ignore[import-untyped]  # gevent ships no types

from loadtest.users.conversation import Conversation, Sent
from loadtest.users.integrity import NO_ANSWER
from loadtest.users.shown_reply import Frame
from loadtest.users.websocket import ConnectionLostError, WebSocket

CONNECT_S = 30.0
QUIET_S = 45.0  # then a ping; the server closes what is quiet for ten minutes
PAUSES_S = (0.05, 5.0)  # between two attempts to connect: grows from one to the other
RESUME_AGAIN_S = 0.3
SEND_TRIES = 5
AGAIN = frozenset({"store_unavailable", "queue_full", "rate_limited", "not_ready"})


class SocketChat:
    """`url` is the service's, `http://…`. `random` spreads reconnects; it decides nothing that is said."""

    def __init__(self, conversation: Conversation, url: str, user_id: str, token: str, random: Random) -> None:
        self.conversation = conversation
        self.is_ready = Event()
        self.deltas_until_drop = 0
        self._url = f"{url.replace('http', 'ws', 1)}/ws/{user_id}"
        self._token = token
        self._random = random
        self._socket: WebSocket | None = None
        self._unsent: dict[str, int] = {}
        self._is_caught_up = False
        self._connections = 0
        self._is_over = False
        self._is_dropped = False
        self._keeper: gevent.Greenlet | None = None

    def start(self) -> None:
        """Connect, and stay connected until `stop`."""
        self._keeper = gevent.spawn(self._keep)

    def stop(self) -> None:
        self._is_over = True
        if self._socket is not None:
            self._socket.close()
        if self._keeper is not None:
            self._keeper.kill(block=False)

    def say(self, sent: Sent) -> None:
        """Send a message; again after each reconnect, until it is accepted or refused."""
        self._unsent[sent.message_id] = 0
        self._send_message(sent)

    def drop(self) -> None:
        """Cut the connection, as a phone in a tunnel does."""
        if self._socket is not None:
            self._is_dropped = True
            self._socket.abort()

    def ping(self) -> None:
        self._tell({"type": "ping"})

    def resume(self) -> None:
        """Ask for what was missed."""
        replies = [
            {"record_id": sent.record_id, "attempt": reply.attempt, "offset": len(reply.text)}
            for sent in self.conversation.open
            for reply in (self.conversation.replies[sent.record_id],)
        ]
        session_id, after_seq = self.conversation.session_id, self.conversation.after_seq
        self._tell({"type": "resume", "session_id": session_id, "after_seq": after_seq, "replies": replies})

    def _keep(self) -> None:
        tries = 0
        while not self._is_over:
            begun = time.perf_counter()
            try:
                self._socket = WebSocket(self._url, self._token, timeout_s=CONNECT_S)
                self.conversation.fire("connect", time.perf_counter() - begun, None)
                tries = 0
                self._live(self._socket)
            except ConnectionLostError as lost:
                if self._socket is None and not self._is_over:
                    self.conversation.fire("connect", time.perf_counter() - begun, str(lost.status or NO_ANSWER))
                self._leave_unanswered()
            finally:
                if self._socket is not None:
                    self._socket.abort()
                self._socket = None
                self.is_ready.clear()
            tries += 1
            gevent.sleep(self._random.random() * min(PAUSES_S[1], PAUSES_S[0] * 2**tries))

    def _leave_unanswered(self) -> None:
        """What was sent, and neither accepted nor refused: the service's fault, unless it was this user who left."""
        if not self._is_dropped and not self._is_over:
            for message_id in self._unsent:
                self.conversation.reject(self.conversation.sent[message_id], NO_ANSWER, None, finally_=False)
        self._is_dropped = False

    def _live(self, socket: WebSocket) -> None:
        """From the handshake to the end of the connection, which raises ConnectionLostError."""
        self._connections += 1
        if self._connections > 1:
            self.conversation.integrity.count("reconnects")
        self._is_caught_up = False
        self.resume()
        for message_id in list(self._unsent):
            self._send_message(self.conversation.sent[message_id])
        is_quiet = False
        while True:
            texts = socket.receive(QUIET_S)
            if not texts:
                if is_quiet:
                    raise ConnectionLostError("no pong")
                self.ping()
            is_quiet = not texts
            for text in texts:
                self._hear_text(text)

    def _hear_text(self, text: bytes) -> None:
        try:
            self._hear(orjson.loads(text))
        except (ValueError, KeyError, TypeError) as error:  # a frame that is not as docs/api.md has it
            self.conversation.integrity.defect("violations", f"{self.conversation.session_id}: {error!r} in {text[:200]!r}")

    def _hear(self, frame: Frame) -> None:
        kind = frame["type"]
        if kind == "reply.delta":
            self._hear_delta(frame)
        elif kind.startswith("reply."):
            self._hear_event(frame)
        elif kind == "message.accepted":
            self._unsent.pop(frame["message"]["message_id"], None)
            self.conversation.accept(frame["message"], frame["record_id"])
        elif kind == "message.rejected":
            self._hear_rejection(frame)
        elif kind == "resumed":
            self._hear_resumed(frame)
        elif kind == "error" and frame["about"] == "resume":
            gevent.spawn_later(RESUME_AGAIN_S, self.resume)
        elif kind == "error":
            self.conversation.integrity.defect("violations", f"{self.conversation.session_id}: {frame['error'].get('detail')}")

    def _hear_delta(self, frame: Frame) -> None:
        if not self.conversation.hear(frame, caught_up=self._is_caught_up):
            self.resume()
        if self.deltas_until_drop:
            self.deltas_until_drop -= 1
            if not self.deltas_until_drop:
                self.drop()

    def _hear_event(self, frame: Frame) -> None:
        self.conversation.hear(frame, caught_up=self._is_caught_up)

    def _hear_rejection(self, frame: Frame) -> None:
        sent = self.conversation.sent.get(frame["message_id"] or "")
        if sent is None:
            return
        problem = frame["error"]
        tries = self._unsent.get(sent.message_id, SEND_TRIES)
        again = problem["code"] in AGAIN and tries < SEND_TRIES
        self.conversation.reject(sent, problem["code"], problem.get("status"), finally_=not again)
        if again:
            wait_s = float(problem.get("retry_after_s") or 0) + self._random.random()
            gevent.spawn_later(wait_s, self._send_message, sent)
        else:
            self._unsent.pop(sent.message_id, None)

    def _hear_resumed(self, frame: Frame) -> None:
        conversation = self.conversation
        if not frame["recovered"]:
            conversation.integrity.defect("violations", f"{conversation.session_id}: the service knows less than its client")
            conversation.after_seq = 0
        conversation.catch_up(frame)
        if frame["more"]:
            self.resume()
            return
        self._is_caught_up = True
        if self._connections > 1:
            conversation.integrity.count("resumes")
        self.is_ready.set()

    def _send_message(self, sent: Sent) -> None:
        if sent.message_id not in self._unsent or self._is_over:
            return
        self._unsent[sent.message_id] += 1
        frame = {"type": "message.send", "message_id": sent.message_id, "session_id": self.conversation.session_id}
        self._tell(frame | {"msg_content": sent.text})

    def _tell(self, frame: Frame) -> None:
        """Send a frame if there is a connection; what matters is sent again after the next connect."""
        if self._socket is None:
            return
        try:
            self._socket.send(orjson.dumps(frame))
        except ConnectionLostError:
            self._socket.abort()  # the reader notices, and connects again
