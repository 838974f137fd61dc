"""The end of a conversation: wait for what is still to come, ask for what was not told, compare all with the history."""

from __future__ import annotations

import time
from typing import Any

import gevent  # type: ignore[import-untyped]  # gevent ships no types

from imcore.chat_record import ReplyStatus
from loadtest.users.api import Api, RefusedError
from loadtest.users.conversation import Conversation, Sent
from loadtest.users.double_texting import breaches
from loadtest.users.history import differences
from loadtest.users.shown_reply import CANCELLED, COMPLETED, FAILED, Frame

ASK_EVERY_S = 1.0
_ENDS = {ReplyStatus.SUCCESS: COMPLETED, ReplyStatus.FAILED: FAILED, ReplyStatus.CANCELLED: CANCELLED}


class Settling:
    """`patience_s` is how long it waits for ends to be told, then again for the service to know them."""

    def __init__(self, conversation: Conversation, api: Api, *, patience_s: float) -> None:
        self._conversation = conversation
        self._api = api
        self._patience_s = patience_s

    def settle(self) -> None:
        """Return once every message has an end or is lost, and the history is compared."""
        deadline = time.monotonic() + self._patience_s
        for sent in list(self._conversation.sent.values()):
            sent.settled.wait(max(0.0, deadline - time.monotonic()))
        self._ask_about_all()
        self._compare_with_history()

    def _ask_about_all(self) -> None:
        deadline = time.monotonic() + self._patience_s
        waiting = self._still_waiting()
        while waiting and time.monotonic() < deadline:
            gevent.sleep(ASK_EVERY_S)
            waiting = self._still_waiting()
        for sent in [sent for sent in waiting if sent.record_id]:
            self._conversation.integrity.defect("lost", f"{self._conversation.session_id}: {sent.text[:60]!r} has no end")

    def _still_waiting(self) -> list[Sent]:
        """Those accepted messages whose reply has no end, now that the service is asked."""
        unheard = [*self._conversation.open, *self._conversation.uncertain]
        return [sent for sent in unheard if not self._ask_about(sent)]

    def _ask_about(self, sent: Sent) -> bool:
        try:
            reply = self._api.reply(sent.message_id)
        except RefusedError:
            return False
        if reply is None:
            if not sent.record_id:
                self._conversation.give_up(sent, refused=True)  # it was never stored
            return not sent.record_id
        if not sent.record_id:
            self._conversation.adopt(sent, reply["record_id"])
        return self._told(sent, reply)

    def _told(self, sent: Sent, reply: dict[str, Any]) -> bool:
        kind = _ENDS.get(ReplyStatus(reply["status"]))
        if kind is None:
            return False
        if not self._conversation.replies[sent.record_id].has_ended:
            self._conversation.integrity.count("unpushed")
            end: Frame = {"type": kind, "record_id": sent.record_id, "attempt": reply["attempt"]}
            self._conversation.hear(end | {name: reply[name] for name in ("message", "error") if name in reply})
        return True

    def _compare_with_history(self) -> None:
        if not self._conversation.sent:
            return
        begun = time.perf_counter()
        try:
            history = self._api.history(self._conversation.session_id)
        except RefusedError as refused:
            if refused.code != "not_found":
                self._conversation.fire("history", time.perf_counter() - begun, refused.code)
            elif self._conversation.replies:
                self._conversation.integrity.defect("lost", f"{self._conversation.session_id}: the whole session")
            return
        self._conversation.fire("history", time.perf_counter() - begun, None)
        self._conversation.integrity.count("histories")
        conversation = self._conversation
        sent = list(conversation.sent.values())
        found = differences(sent, conversation.replies, history)
        found += breaches(conversation.mode, sent, conversation.replies, history, conversation.model_seed)
        for kind, what in found:
            conversation.integrity.defect(kind, f"{conversation.session_id}: {what}")
