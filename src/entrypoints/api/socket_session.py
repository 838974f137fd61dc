"""One open WebSocket: a reader, a writer, and the reasons to close it."""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass

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
    watch_s: float = 60.0


class SocketSession:
    """`expires_at` (Unix seconds) is the token's. A client that leaves cancels nothing: its replies are written all the same."""

    def __init__(
        self,
        receive: Receive,
        send: Send,
        outbox: Outbox,
        frames: SocketFrames,
        *,
        expires_at: float,
        max_frame_bytes: int,
        times: SocketTimes | None = None,
    ) -> None:
        self._receive = receive
        self._send = send
        self._outbox = outbox
        self._frames = frames
        self._expires_at = expires_at
        self._max_frame_bytes = max_frame_bytes
        self._times = times or SocketTimes()
        self._rate = FrameRate()
        self._bad_frames = 0
        self._active_at = time.monotonic()
        self._watch: asyncio.TimerHandle | None = None

    async def run(self) -> CloseCode | None:
        """Until it is closed, by whichever side; returns why we closed it, None if the client left."""
        reader = asyncio.create_task(self._read())
        self._look_after()
        try:
            await self._write_all()
            await self._close()
        finally:
            self._outbox.close(None)
            if self._watch is not None:
                self._watch.cancel()
            reader.cancel()
            await asyncio.wait([reader])
            await self._frames.drained()
        return self._outbox.close_code

    async def _write_all(self) -> None:
        """Send what the outbox holds until it is closed, and then what is left for a little while."""
        try:
            async with asyncio.timeout(None) as patience:
                self._outbox.on_close = lambda code: patience.reschedule(self._flush_until(code))
                await self._write()
        except (TimeoutError, OSError):  # it reads no longer, or it has left
            log.debug("a socket ends with frames unsent")
        finally:
            self._outbox.on_close = None

    async def _write(self) -> None:
        while (frame := await self._outbox.take()) is not None:
            await self._send({"type": "websocket.send", "text": frame.text})
            self._active_at = time.monotonic()

    def _flush_until(self, code: CloseCode | None) -> float:
        flush_s = self._times.flush_s if code is not None and code.flush else 0.0
        return asyncio.get_running_loop().time() + flush_s

    async def _close(self) -> None:
        code = self._outbox.close_code
        if code is None:
            return
        try:
            async with asyncio.timeout(self._times.close_s):
                await self._send({"type": "websocket.close", "code": code.code, "reason": code.reason})
        except (TimeoutError, OSError):
            log.debug("a client left without reading why its socket was closed", extra={"code": code.code})

    async def _read(self) -> None:
        code: CloseCode | None = None
        try:
            while code is None:
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

    def _look_after(self) -> None:
        """Close it when its time is over; called again and again."""
        idle_s = time.monotonic() - self._active_at
        left_s = self._expires_at - time.time()
        if left_s <= 0:
            self._outbox.close(TOKEN_EXPIRED)
        elif idle_s >= self._times.idle_s:
            self._outbox.close(IDLE)
        else:
            next_s = min(left_s, self._times.idle_s - idle_s, self._times.watch_s)
            self._watch = asyncio.get_running_loop().call_later(next_s, self._look_after)
