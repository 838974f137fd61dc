"""One open WebSocket: read by the task that serves it, written to by whoever has something to say, by a task while its client is slow."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import time
from dataclasses import dataclass
from typing import Protocol

from starlette.types import Message, Receive, Send

from adapters.websocket.close_codes import BAD_FRAMES, FRAME_TOO_BIG, IDLE, TOKEN_EXPIRED, TOO_MANY_FRAMES, CloseCode
from adapters.websocket.outbox import Outbox
from entrypoints.api.frame_rate import FrameRate
from entrypoints.api.socket_frames import SocketFrames

log = logging.getLogger(__name__)

MAX_BAD_FRAMES = 10


@dataclass(frozen=True, slots=True)
class SocketTimes:
    """`flush_s`: for what is queued when a socket is to be closed; `close_s`: for the close frame to leave, behind a slow client's data."""

    idle_s: float = 600.0
    flush_s: float = 2.0
    close_s: float = 10.0
    look_s: float = 1.0


class DirectSocket(Protocol):
    """A way out past ASGI, see `socket_protocol`."""

    def takes_frames(self) -> bool: ...

    def write_frame(self, wire: bytes) -> None: ...


class SocketSession:
    """`expires_at` (Unix seconds) is the token's, `direct` a way out that needs no task, if the server has one.

    A client that leaves cancels nothing: its replies are written all the same.
    """

    __slots__ = (
        "_active_at",
        "_bad_frames",
        "_context",
        "_direct",
        "_expires_at",
        "_frames",
        "_max_frame_bytes",
        "_outbox",
        "_rate",
        "_receive",
        "_send",
        "_times",
        "_writer",
    )

    def __init__(
        self,
        receive: Receive,
        send: Send,
        outbox: Outbox,
        frames: SocketFrames,
        *,
        expires_at: float,
        max_frame_bytes: int,
        times: SocketTimes,
        direct: DirectSocket | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._outbox = outbox
        self._frames = frames
        self._direct = direct
        self._expires_at = expires_at
        self._max_frame_bytes = max_frame_bytes
        self._times = times
        self._rate = FrameRate()
        self._bad_frames = 0
        self._active_at = time.monotonic()
        self._context = contextvars.copy_context()
        self._writer: asyncio.Task[None] | None = None

    async def run(self) -> CloseCode | None:
        """Until it is closed, by whichever side; returns why we closed it, None if the client left."""
        self._outbox.on_filled = self._write_soon
        self._write_soon()
        try:
            await self._read_until_closed()
            await self._flush()
            await self._close()
        finally:
            self._outbox.close(None)
            self._outbox.on_filled = None
            if self._writer is not None:
                self._writer.cancel()
            await self._frames.drained()
        return self._outbox.close_code

    def close_if_over(self) -> None:
        """Close it when its time is over; to be called now and then."""
        if time.time() >= self._expires_at:
            self._outbox.close(TOKEN_EXPIRED)
        elif time.monotonic() - self._active_at >= self._times.idle_s:
            self._outbox.close(IDLE)

    async def _read_until_closed(self) -> None:
        try:
            async with asyncio.timeout(None) as reading:
                self._outbox.on_close = lambda _: reading.reschedule(0.0)
                await self._read()
        except TimeoutError:  # somebody else has closed it
            return
        finally:
            self._outbox.on_close = None

    async def _read(self) -> None:
        code: CloseCode | None = None
        try:
            while code is None and not self._outbox.is_closed:
                message = await self._receive()
                if message["type"] != "websocket.receive":
                    return
                self._active_at = time.monotonic()
                code = await self._hear(message)
        except Exception:
            log.exception("defect in a socket's reader")
        finally:
            self._outbox.close(code)

    async def _hear(self, message: Message) -> CloseCode | None:
        """Handle a frame; returns why the socket must be closed, if it must."""
        text: str | None = message.get("text")
        if not self._rate.allows_one_more():
            return TOO_MANY_FRAMES
        if len(text or message.get("bytes") or "") > self._max_frame_bytes:
            return FRAME_TOO_BIG
        is_valid = await self._frames.hear(text)
        self._bad_frames = 0 if is_valid else self._bad_frames + 1
        if self._bad_frames >= MAX_BAD_FRAMES:
            return BAD_FRAMES
        await self._outbox.calmed()  # who does not read the answers is not read either
        return None

    def _write_soon(self) -> None:
        """What cannot be written at once is left to a task, in the context of this socket, whoever has something to say to it."""
        if self._writer is None and not self._write_now():
            self._writer = asyncio.get_running_loop().create_task(self._write(), context=self._context)

    def _write_now(self) -> bool:
        """Whether nothing is left. A defect closes this socket: whoever called has others to tell the same."""
        try:
            while self._direct is not None and self._direct.takes_frames():
                frame = self._outbox.take_nowait()
                if frame is None:
                    return True
                self._direct.write_frame(frame.wire)
                self._active_at = time.monotonic()
        except Exception:
            log.exception("defect in a socket's writer")
            self._outbox.close(None)
            return True
        return False

    async def _write(self) -> None:
        """Send all that the outbox holds. A client that does not read keeps this task waiting and nobody else."""
        try:
            while (frame := self._outbox.take_nowait()) is not None:
                await self._send({"type": "websocket.send", "text": frame.text})
                self._active_at = time.monotonic()
        except OSError:
            log.debug("a client left with frames unsent")
            self._outbox.close(None)
        except Exception:
            log.exception("defect in a socket's writer")
            self._outbox.close(None)
        finally:
            self._writer = None

    async def _flush(self) -> None:
        """Let what is queued leave, though not for long."""
        writer, code = self._writer, self._outbox.close_code
        if writer is None:
            return
        await asyncio.wait([writer], timeout=self._times.flush_s if code is not None and code.flush else 0.0)
        writer.cancel()
        await asyncio.wait([writer])

    async def _close(self) -> None:
        code = self._outbox.close_code
        if code is None:
            return
        try:
            async with asyncio.timeout(self._times.close_s):
                await self._send({"type": "websocket.close", "code": code.code, "reason": code.reason})
        except (TimeoutError, OSError):
            log.debug("a client left without reading why its socket was closed", extra={"code": code.code})
