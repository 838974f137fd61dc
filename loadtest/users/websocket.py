"""A WebSocket for gevent: the protocol is the library's, which does no I/O of its own; the socket is gevent's."""

from __future__ import annotations

import socket as plain_socket
import ssl
from contextlib import suppress
from urllib.parse import urlsplit

from gevent import socket  # type: ignore[import-untyped]  # gevent ships no types
from gevent.lock import Semaphore  # type: ignore[import-untyped]  # gevent ships no types
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

RECEIVE_BYTES = 16 * 1024
_DATA = frozenset({Opcode.TEXT, Opcode.CONT})


class ConnectionLostError(Exception):
    """The connection is over, or was never made. `status` is that of a refused handshake, `code` that of a close frame."""

    def __init__(self, why: str, *, status: int | None = None, code: int | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.code = code


class WebSocket:
    """An open connection. One greenlet may receive while others send."""

    def __init__(self, url: str, token: str, *, timeout_s: float) -> None:
        """Connect to a `ws://` or `wss://` URL.

        Raises:
            ConnectionLostError: nobody is there, or the handshake was refused.
        """
        self._parts: list[bytes] = []
        self._ready: list[bytes] = []
        self._sending = Semaphore()
        self._protocol = ClientProtocol(parse_uri(url), subprotocols=[Subprotocol("bearer"), Subprotocol(token)], max_size=None)
        self._socket = _connect(url, timeout_s)
        try:
            self._shake_hands()
        except TimeoutError:
            self.abort()
            raise ConnectionLostError("the handshake was not answered") from None
        except BaseException:
            self.abort()
            raise

    def send(self, text: bytes) -> None:
        """Send a text frame.

        Raises:
            ConnectionLostError: the connection is over.
        """
        if self._protocol.state is not State.OPEN:
            raise ConnectionLostError("the connection is closed")
        self._protocol.send_text(text)
        self._flush()

    def receive(self, timeout_s: float | None = None) -> list[bytes]:
        """The texts that have come, one at least; none after `timeout_s` of silence.

        Raises:
            ConnectionLostError: the connection is over.
        """
        if self._ready:
            ready, self._ready = self._ready, []
            return ready
        self._socket.settimeout(timeout_s)
        while True:
            try:
                texts = self._take()
            except TimeoutError:
                return []
            if texts:
                return texts

    def close(self) -> None:
        """Say goodbye and leave, without waiting for an answer."""
        if self._protocol.state is State.OPEN:
            self._protocol.send_close(1000)
            with suppress(ConnectionLostError):
                self._flush()
        self.abort()

    def abort(self) -> None:
        """Leave without a word, as a phone in a tunnel does; whoever receives is told by ConnectionLostError."""
        with suppress(OSError):  # the other side was quicker
            self._socket.shutdown(plain_socket.SHUT_RDWR)
        self._socket.close()

    def _shake_hands(self) -> None:
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while self._protocol.state is State.CONNECTING:
            self._ready += self._take()
            if self._protocol.handshake_exc is not None:
                raise self._lost()

    def _take(self) -> list[bytes]:
        """Receive once; the whole texts that this completes."""
        try:
            data = self._socket.recv(RECEIVE_BYTES)
        except TimeoutError:
            raise
        except OSError as error:
            raise ConnectionLostError(str(error)) from error
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        self._flush()  # pongs, and the answer to a close frame
        texts = self._texts()
        if not texts and (not data or self._protocol.state in {State.CLOSING, State.CLOSED}):
            raise self._lost()
        return texts

    def _texts(self) -> list[bytes]:
        texts = []
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode not in _DATA:
                continue
            self._parts.append(bytes(event.data))
            if event.fin:
                texts.append(self._parts[0] if len(self._parts) == 1 else b"".join(self._parts))
                self._parts = []
        return texts

    def _lost(self) -> ConnectionLostError:
        refused = self._protocol.handshake_exc
        if isinstance(refused, InvalidStatus):
            return ConnectionLostError(str(refused), status=refused.response.status_code)
        if isinstance(refused, InvalidHandshake | InvalidMessage):
            return ConnectionLostError(str(refused))
        received = self._protocol.close_rcvd
        return ConnectionLostError("closed", code=None if received is None else received.code)

    def _flush(self) -> None:
        with self._sending:  # what two greenlets send must not mix
            for data in self._protocol.data_to_send():
                self._send(data)

    def _send(self, data: bytes) -> None:
        """No data means that our side is to be closed: `abort` does."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ConnectionLostError(str(error)) from error


def _connect(url: str, timeout_s: float) -> plain_socket.socket:
    parts = urlsplit(url)
    assert parts.hostname is not None  # noqa: S101  (parse_uri has refused such a URL)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    try:
        connected: plain_socket.socket = socket.create_connection((parts.hostname, port), timeout_s)
        connected.setsockopt(plain_socket.IPPROTO_TCP, plain_socket.TCP_NODELAY, 1)
        if parts.scheme == "wss":
            return ssl.create_default_context().wrap_socket(connected, server_hostname=parts.hostname)
    except OSError as error:
        raise ConnectionLostError(f"no connection to {parts.hostname}:{port}: {error}") from error
    return connected
