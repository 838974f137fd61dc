"""aiohttp beneath the OpenAI SDK: requests, retries, redirects and errors stay the SDK's, the bytes come at a fraction of the CPU time."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache
from http import HTTPStatus
from typing import Any, Self, TypeVar

import aiohttp
import httpx2
from openai import DefaultAsyncHttpxClient
from yarl import URL

from imcore.value import value

BODY = "imcore_body"
"""The extension of a response that holds its `AiohttpBody`."""

READ_BUFFER_BYTES = 64 * 1024
"""What a connection may hold unread before its server has to wait; twice that in a burst."""

_NOT_PASSED_ON = {b"host", b"connection", b"content-length", b"accept-encoding"}
_DECODED = {"content-encoding", "content-length"}
_CUT = "peer closed connection without sending complete message body (incomplete chunked read)"
_NO_ANSWER = "Server disconnected without sending a response."
_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)

_T = TypeVar("_T")

Answer = httpx2.Response | httpx2.TransportError
"""What came of a request."""

_known: ContextVar[list[Answer]] = ContextVar("_known")


@value
class Head:
    """All of a request but its body, as aiohttp wants it; `request` is named in errors."""

    request: httpx2.Request
    url: URL
    headers: list[tuple[str, str]]
    timeout: aiohttp.ClientTimeout

    @classmethod
    def of(cls, request: httpx2.Request) -> Self:
        limits = request.extensions.get("timeout", {})
        return cls(
            request,
            URL(str(request.url.copy_with(userinfo=b"")), encoded=True),  # it is in the headers
            [(name.decode(), value.decode()) for name, value in request.headers.raw if name.lower() not in _NOT_PASSED_ON],
            aiohttp.ClientTimeout(sock_connect=limits.get("connect"), sock_read=limits.get("read")),
        )


class AiohttpClient(DefaultAsyncHttpxClient):
    """The SDK's HTTP client over aiohttp. It knows no proxies, and belongs to the event loop of its first request."""

    def __init__(self, *, timeout: httpx2.Timeout, event_hooks: Mapping[str, list[Callable[..., Any]]]) -> None:
        self._aiohttp = _AiohttpTransport()
        super().__init__(timeout=timeout, event_hooks=event_hooks, transport=self._aiohttp)

    async def send_directly(self, head: Head, content: bytes) -> AiohttpBody | Answer:
        """Send a request past httpx and the SDK, whose part in it costs more than all of aiohttp's.

        Returns its body if all is well, else what the SDK is to be told (`knowing`); so it is of an answer that sets a cookie.
        """
        try:
            response = await self._aiohttp.send(head, content)
        except httpx2.TransportError as error:
            return error
        is_plain = response.status == HTTPStatus.OK and "Set-Cookie" not in response.headers
        return AiohttpBody(response, head.request) if is_plain else _in_httpx(response, head.request)

    @contextmanager
    def knowing(self, answer: Answer) -> Iterator[None]:
        """In here the next request is not sent: its answer is known. So the SDK goes on from a request that it did not make."""
        token = _known.set([answer])
        try:
            yield
        finally:
            _known.reset(token)


class AiohttpBody(httpx2.AsyncByteStream):
    """The body of one response, decompressed; `request` is named in its errors."""

    def __init__(self, response: aiohttp.ClientResponse, request: httpx2.Request) -> None:
        self._response = response
        self._content = response.content
        self._hold: asyncio.TimerHandle | None = None
        self._pause_s = 0.0
        self.request = request
        connection = response.connection
        protocol = None if connection is None else connection.protocol
        self._lost = None if protocol is None else protocol.closed  # without a connection the whole body is here already
        if self._lost is not None:
            self._lost.add_done_callback(self._break_off)

    async def read(self) -> bytes:
        """All that has come since the last call; waits for something to come. b"" at the end.

        Raises:
            httpx2.TransportError: silence for too long, or a broken connection, once everything before it was read.
        """
        if self._pause_s > 0:
            pause_s, self._pause_s = self._pause_s, 0.0
            await asyncio.sleep(pause_s)
        if self._content.exception() is not None:
            rest = self._content._read_nowait(-1)  # noqa: SLF001  (`read_nowait` would keep back what came before the connection broke)
            if rest:
                return rest
        return await _translated(self._content.readany(), self.request)

    def hold(self, pause_s: float) -> None:
        """Have the next read give all that comes within `pause_s`: one read of many pieces costs little more than one of a single piece.

        Meanwhile it is left to the kernel. Not so with TLS: what uvloop has not decrypted when the server closes is lost.
        """
        transport = self._transport()
        if transport is None or transport.is_closing():  # the body was read to its end, or broke off
            return
        if transport.get_extra_info("sslcontext") is not None:
            self._pause_s = pause_s
            return
        transport.pause_reading()
        if self._hold is not None:
            self._hold.cancel()
        self._hold = asyncio.get_running_loop().call_later(pause_s, _go_on_reading, transport)

    async def end(self, within_s: float) -> None:
        """Wait for the body's end: only then is its connection used again."""
        transport = self._transport()
        if transport is not None:
            _go_on_reading(transport)
        with suppress(TimeoutError, aiohttp.ClientError):  # then it is not
            async with asyncio.timeout(within_s):
                await self._content.wait_eof()

    async def __aiter__(self) -> AsyncGenerator[bytes]:
        while data := await self.read():
            yield data

    async def aclose(self) -> None:
        """Cut the connection, so that the server stops; if the body was read to its end, it is already free for the next request."""
        if self._lost is not None:
            self._lost.remove_done_callback(self._break_off)
        if self._hold is not None:
            self._hold.cancel()
        transport = self._transport()
        if transport is not None:
            transport.abort()  # to close it in peace, TLS would wait for a server that goes on writing
        self._response.close()

    def _transport(self) -> asyncio.Transport | None:
        """None once the body was read to its end."""
        connection = self._response.connection
        return None if connection is None else connection.transport

    def _break_off(self, lost: asyncio.Future[None]) -> None:
        """End a read that aiohttp forgets: it closes a connection that sends no HTTP any more, and leaves the reader waiting."""
        if not lost.cancelled():
            lost.exception()  # whatever it is, the reader hears of it below or heard of it before
        if not self._content.is_eof() and self._content.exception() is None:
            self._content.set_exception(aiohttp.ClientPayloadError())


def _go_on_reading(transport: asyncio.Transport) -> None:
    if not transport.is_closing():
        transport.resume_reading()


class _AiohttpTransport(httpx2.AsyncBaseTransport):
    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        known = _known.get([])
        answer = known.pop() if known else _in_httpx(await self.send(Head.of(request), await request.aread()), request)
        if isinstance(answer, httpx2.Response):
            return answer
        answer.request = request
        raise answer

    async def send(self, head: Head, content: bytes) -> aiohttp.ClientResponse:
        """Raises `httpx2.TransportError`."""
        request = head.request
        asked = self._open_session().request(
            request.method,
            head.url,
            data=content,
            headers=head.headers,
            skip_auto_headers=("User-Agent", "Content-Type"),
            allow_redirects=False,
            ssl=_trusted() if head.url.scheme == "https" else True,
            timeout=head.timeout,
        )
        return await _translated(asked, request)

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Accept-Encoding": "identity"},  # compressing pieces of a few bytes costs both sides and delays them
                read_bufsize=READ_BUFFER_BYTES,
            )
        return self._session


def _in_httpx(response: aiohttp.ClientResponse, request: httpx2.Request) -> httpx2.Response:
    body = AiohttpBody(response, request)
    headers = [(name, value) for name, value in response.headers.items() if name.lower() not in _DECODED]
    return httpx2.Response(response.status, headers=headers, stream=body, extensions={"http_version": b"HTTP/1.1", BODY: body})


@cache
def _trusted() -> ssl.SSLContext:
    """The certificates that the SDK trusts by default."""
    return httpx2.create_ssl_context()


async def _translated(step: Awaitable[_T], request: httpx2.Request) -> _T:
    """Await `step`, its errors told in the SDK's classes and words."""
    try:
        return await step
    except _ERRORS as error:
        failure = _in_httpx_words(error)
    failure.request = request
    raise failure  # out of the `except`: the innermost error is what a user gets to read


def _in_httpx_words(error: Exception) -> httpx2.TransportError:  # noqa: PLR0911  (a table)
    match error:
        case aiohttp.ConnectionTimeoutError():
            return httpx2.ConnectTimeout("")
        case TimeoutError():
            return httpx2.ReadTimeout("")
        case aiohttp.ClientConnectorError():
            return httpx2.ConnectError(str(error.__cause__ or error))
        case aiohttp.ClientPayloadError():
            return httpx2.RemoteProtocolError(_CUT)
        case aiohttp.ServerDisconnectedError():
            return httpx2.RemoteProtocolError(_NO_ANSWER)
        case aiohttp.ClientResponseError():
            return httpx2.RemoteProtocolError(error.message)
        case _:
            return httpx2.ReadError(str(error))
