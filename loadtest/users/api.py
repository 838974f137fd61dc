"""imcore over HTTP, for one user. Connections are kept and shared by all users of a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from functools import cache
from typing import Any

import orjson
from geventhttpclient.client import HTTPClient
from geventhttpclient.response import HTTPParseError, HTTPSocketPoolResponse

from loadtest.users.shown_reply import Frame

CONNECT_S = 30.0
SILENCE_S = 45.0  # an event stream has a comment line every 15 s
ASKED_AT_ONCE = 16
PAGE = 200
_ACCEPTED = frozenset({200, 202})


class RefusedError(Exception):
    """An answer that is none of the good ones, or no answer: then `status` is None."""

    def __init__(self, code: str, status: int | None, retry_after_s: float = 0.0) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.retry_after_s = retry_after_s


@cache
def _client(url: str, at_once: int) -> HTTPClient:
    return HTTPClient.from_url(url, concurrency=at_once, connection_timeout=CONNECT_S, network_timeout=SILENCE_S)


class Api:
    """`url` is the service's, `http://…`. What is not asked for sending shares few connections, so that it does not disturb."""

    def __init__(self, url: str, token: str) -> None:
        self._senders = _client(url, 10_000)
        self._askers = _client(url, ASKED_AT_ONCE)
        self._headers = {"Authorization": f"Bearer {token}"}

    def send(self, message: Frame, *, stream: bool) -> Iterator[Frame]:
        """Send a message: `message.accepted` first, then the reply's events if they were asked for and are given.

        Raises:
            RefusedError: it was refused, nobody answered, or the stream broke.
        """
        accept = "text/event-stream" if stream else "application/json"
        headers = self._headers | {"Content-Type": "application/json", "Accept": accept}
        response = self._request(self._senders, "POST", "/api/message/send", headers, orjson.dumps(message))
        with closing(_Body(response)) as body:
            if str(response.get("content-type", "")).startswith("text/event-stream"):
                yield from body.events()
            else:
                yield {"type": "message.accepted", "duplicate": False} | body.json()

    def events(self, message_id: str, last_event_id: str | None) -> Iterator[Frame]:
        """The events of a message's reply, from `attempt:offset` on. Raises as `send` does."""
        headers = self._headers | {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
        response = self._request(self._senders, "GET", f"/api/message/{message_id}/reply", headers)
        with closing(_Body(response)) as body:
            yield from body.events()

    def reply(self, message_id: str) -> dict[str, Any] | None:
        """A message's reply as it is now; None if there is no such message. Raises as `send` does."""
        try:
            return self._get(f"/api/message/{message_id}/reply")
        except RefusedError as refused:
            if refused.code == "not_found":
                return None
            raise

    def history(self, session_id: str) -> list[dict[str, Any]]:
        """All messages of a session, oldest first. Raises as `send` does."""
        messages: list[dict[str, Any]] = []
        after_seq = 0
        while True:
            page = self._get(f"/api/message/list?session_id={session_id}&after_seq={after_seq}&limit={PAGE}")["items"]
            messages += page
            if len(page) < PAGE:
                return messages
            after_seq = page[-1]["seq"]

    def _get(self, path: str) -> dict[str, Any]:
        with closing(_Body(self._request(self._askers, "GET", path, self._headers))) as body:
            return body.json()

    def _request(self, client: HTTPClient, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> HTTPSocketPoolResponse:
        try:
            response = client.request(method, path, body, headers)
        except (OSError, HTTPParseError) as error:
            raise RefusedError("no_answer", None) from error
        if response.status_code not in _ACCEPTED:
            with closing(_Body(response)) as refused:
                raise refused.problem(response.status_code, response.get("retry-after"))
        return response


class _Body:
    """The body of a response, read to its end or given up."""

    def __init__(self, response: HTTPSocketPoolResponse) -> None:
        self._response = response

    def json(self) -> dict[str, Any]:
        try:
            parsed: dict[str, Any] = orjson.loads(self._response.read())
        except (OSError, HTTPParseError, orjson.JSONDecodeError) as error:
            raise RefusedError("no_answer", None) from error
        return parsed

    def problem(self, status: int, retry_after: object) -> RefusedError:
        try:
            code = str(orjson.loads(self._response.read()).get("code"))
        except (OSError, HTTPParseError, orjson.JSONDecodeError, AttributeError):
            code = str(status)  # not one of ours: a proxy, or a server that breaks off
        return RefusedError(code, status, float(retry_after) if isinstance(retry_after, str) and retry_after.isdigit() else 0.0)

    def events(self) -> Iterator[Frame]:
        """Server-sent events: their data."""
        try:
            while event := self._response.readline(b"\n\n"):
                for line in event.split(b"\n"):
                    if line.startswith(b"data: "):
                        yield orjson.loads(line[6:])
        except (OSError, HTTPParseError) as error:
            raise RefusedError("no_answer", None) from error

    def close(self) -> None:
        self._response.release()
