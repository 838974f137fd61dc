"""What a client asks for over its socket: each frame to its use case, the answer into the outbox."""

from __future__ import annotations

import logging
from functools import partial

from adapters.websocket import frames
from adapters.websocket.client_frames import BadFrameError, ClientFrame, MessageSend, Ping, ReplyCancel, Resume, parse
from adapters.websocket.outbox import Outbox
from adapters.websocket.problem_object import problem_of
from entrypoints.api.send_pipeline import SendPipeline
from entrypoints.api.services import Services
from imcore.errors import IMError
from imcore.resume_session import ended_event

log = logging.getLogger(__name__)


class SocketFrames:
    """One socket's requests. Answers come in the order of the frames; only sends of different sessions may overtake one another."""

    __slots__ = ("_outbox", "_request_id", "_sends", "_services", "_user_id")

    def __init__(self, services: Services, user_id: str, request_id: str, outbox: Outbox) -> None:
        self._services = services
        self._user_id = user_id
        self._request_id = request_id
        self._outbox = outbox
        self._sends: SendPipeline | None = None  # most sockets only listen

    async def hear(self, text: str | None) -> bool:
        """Handle one frame, None for a binary one; False if it is none that a client may send. Whatever fails, the client is told."""
        frame: ClientFrame | None = None
        try:
            frame = parse(text)
            await self._handle(frame)
        except BadFrameError as error:
            return self._refuse(error)
        except IMError as error:
            self._tell_error(error, frame)
        except Exception as error:
            log.exception("defect in a frame")
            self._tell_error(error, frame)
        return True

    async def drained(self) -> None:
        """Wait for the sends in flight: they are not given up when the client leaves."""
        if self._sends is not None:
            await self._sends.drained()

    async def _handle(self, frame: ClientFrame) -> None:
        match frame:
            case MessageSend():
                self._sends = self._sends or SendPipeline()
                await self._sends.submit(frame.session_id or self._user_id, partial(self._send, frame))
            case Ping():
                self._outbox.offer(frames.pong(frame.id))
            case ReplyCancel():
                await self.drained()
                await self._cancel(frame)
            case Resume():
                await self.drained()
                await self._resume(frame)

    async def _send(self, frame: MessageSend) -> None:
        services = self._services
        try:
            await services.admission.check(self._user_id)
            stored = await services.send_message(self._user_id, frame.msg_content, message_id=frame.message_id, session_id=frame.session_id)
        except Exception as error:
            if not isinstance(error, IMError):
                log.exception("defect in a send")
            self._outbox.offer(frames.rejected(frame.message_id, problem_of(error, self._request_id)))
            return
        if not stored.duplicate:
            services.metrics.message_stored(stored.message.msg_type.value)
        self._outbox.offer(frames.accepted(stored))

    async def _cancel(self, frame: ReplyCancel) -> None:
        record = await self._services.cancel_reply(self._user_id, frame.record_id)
        if self._services.live.has_ended(record.record_id, record.attempt):
            await self._tell_end(record.record_id)  # nobody will tell of this end again

    async def _tell_end(self, record_id: str) -> None:
        event = await ended_event(self._services.store, self._user_id, record_id)
        if event is not None:
            self._outbox.offer(frames.reply_event(event))

    async def _resume(self, frame: Resume) -> None:
        """From the return of the use case to the last offer nothing is awaited: no event can come in between."""
        live, heard_before = self._services.live, self._services.live.ends_heard
        answer = await self._services.resume_session(
            self._user_id, frame.session_id, after_seq=frame.after_seq, known_replies=frame.known_replies
        )
        ended_meanwhile = live.ended_since(heard_before)  # the client was told of these ends already
        self._outbox.offer(frames.resumed(answer, [reply for reply in answer.replies if reply.record_id not in ended_meanwhile]))
        for event in answer.ended:
            self._outbox.offer(frames.reply_event(event))

    def _refuse(self, error: BadFrameError) -> bool:
        problem = problem_of(error, self._request_id)
        if error.about == MessageSend.type:
            self._outbox.offer(frames.rejected(error.message_id, problem))
            return True
        self._outbox.offer(frames.error(problem, error.about))
        return False

    def _tell_error(self, error: Exception, frame: ClientFrame | None) -> None:
        about = frame.type if frame is not None else None
        self._outbox.offer(frames.error(problem_of(error, self._request_id), about))
