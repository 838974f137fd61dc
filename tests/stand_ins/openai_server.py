"""A model's server for tests and load: OpenAI's chat completions over HTTP, with a known reply and faults on demand.

In a test:

    with OpenAIStandIn() as server:
        client = OpenAICompatibleLLMClient("echo", base_url=server.base_url)
        server.script(Fault.STATUS, status=500)        # for the next call, whatever its model

where the client runs in another process over the model's name: `hang`, `stall`, `cut`, … (`FAULTS_BY_MODEL`); `status-429`, `status-500`
always answer with that status. Or in the last message, in brackets: `[hang]`, `[slow]` (a token a second), `[status-429]` (with
`Retry-After: 1`); `[status-429 once]` answers well when it is asked again. `GET /stand-in/calls` lists the calls.
By itself: `python -m tests.stand_ins.openai_server --port 9000 --tokens 40 --tokens-per-s 40`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import uvicorn

from tests.stand_ins.openai_replies import FAULTS_BY_MODEL, Fault, Pace, ReplyStream, Send, whole_reply

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

START_TIMEOUT_S = 10.0
SLOW_PAUSE_S = 1.0
RETRY_AFTER_S = 1.0

_ASKED_FOR = re.compile(r"\[(status-\d{3}|[a-z-]+)( once)?\]")


@dataclass(frozen=True, slots=True)
class Answer:
    """One scripted fault."""

    fault: Fault
    status: int = 500
    retry_after_s: float | None = None
    body: str | None = None


@dataclass(slots=True)
class Call:
    """One request, as the server saw it. The events are set from the server's thread."""

    body: dict[str, Any]
    authorization: str
    headers: dict[bytes, bytes] = field(default_factory=dict)
    called_at: float = field(default_factory=time.time)
    closed_at: float | None = None
    finished: threading.Event = field(default_factory=threading.Event)
    closed_by_client: threading.Event = field(default_factory=threading.Event)

    @property
    def text(self) -> str:
        """The message to be answered."""
        return str(self.body["messages"][-1]["content"])

    @property
    def as_json(self) -> dict[str, object]:
        """Times in Unix seconds; `closed_at` is when the client left before the end, else null."""
        return {"text": self.text, "called_at": self.called_at, "closed_at": self.closed_at}


class OpenAIStandIn:
    """The ASGI app, and the thread that serves it on a free loopback port while the context is open.

    `calls` holds every request; `models` are the names it knows besides the faults' (None: any).
    """

    def __init__(
        self,
        *,
        port: int = 0,
        first_token_s: float = 0.0,
        tokens_per_s: float | None = None,
        tokens: int = 8,
        models: Sequence[str] | None = None,
    ) -> None:
        self.calls: list[Call] = []
        self._port = port
        self._pace = Pace(first_token_s, 1 / tokens_per_s if tokens_per_s else 0.0, tokens)
        self._models = models
        self._script: deque[Answer] = deque()
        self._failed_once: set[str] = set()
        self._called = threading.Condition()

    def script(
        self, fault: Fault, *, times: int = 1, status: int = 500, retry_after_s: float | None = None, body: str | None = None
    ) -> None:
        """Give the next `times` calls this fault."""
        self._script.extend([Answer(fault, status, retry_after_s, body)] * times)

    async def called(self, times: int = 1, timeout_s: float = 10.0) -> Call:
        """Wait until there were `times` calls; returns the last one."""

        def wait() -> bool:
            with self._called:
                return self._called.wait_for(lambda: len(self.calls) >= times, timeout_s)

        assert await asyncio.to_thread(wait), f"the stand-in was called {len(self.calls)} times, not {times}"
        return self.calls[times - 1]

    def forget(self) -> None:
        """Drop the calls and the script."""
        self.calls.clear()
        self._script.clear()

    # Serving

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1"

    def __enter__(self) -> OpenAIStandIn:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        self._port = listener.getsockname()[1]
        self._listener = listener
        # a dropped connection is a fault on purpose and shows as an error of the app: hence "critical"
        self._server = uvicorn.Server(uvicorn.Config(self, log_level="critical", lifespan="off", ws="none", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [listener]}, daemon=True, name="openai-stand-in")
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            assert self._thread.is_alive(), "the stand-in did not start"
            assert time.monotonic() < deadline, "the stand-in did not start in time"
            time.sleep(0.005)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._server.should_exit = True
        self._thread.join(START_TIMEOUT_S)
        self._listener.close()

    # Answering

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        path, method = scope["path"], scope["method"]
        if (method, path) == ("GET", "/v1/models"):
            names = self._models or ["echo"]
            await _send_json(send, 200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})
        elif (method, path) == ("GET", "/stand-in/calls"):
            await _send_json(send, 200, {"calls": [call.as_json for call in self.calls]})
        elif (method, path) == ("POST", "/v1/chat/completions"):
            await self._complete(scope, receive, send)
        else:
            await _send_json(send, 404, {"error": {"message": f"Unknown path {path}", "code": None}})

    async def _complete(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        headers = dict(scope["headers"])
        call = Call(await _read_json(receive), headers.get(b"authorization", b"").decode(), headers)
        with self._called:
            self.calls.append(call)
            self._called.notify_all()
        answering = asyncio.ensure_future(self._answer(call, send))
        leaving = asyncio.ensure_future(_client_left(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                await answering
                call.finished.set()
            else:
                call.closed_at = time.time()
                call.closed_by_client.set()
        finally:
            answering.cancel()
            leaving.cancel()

    async def _answer(self, call: Call, send: Send) -> None:
        answer = self._script.popleft() if self._script else self._of_message(call.text) or self._of_model(call.body["model"])
        fault = answer.fault if answer else None
        if answer and fault is Fault.STATUS:
            await _send_status(send, answer)
        elif fault is Fault.SILENT or (fault in {Fault.HANG, Fault.STALL} and not call.body.get("stream")):
            await asyncio.Event().wait()  # until the client leaves
        elif fault is Fault.REFUSE_STREAM_OPTIONS and "stream_options" in call.body:
            await _send_json(send, 400, {"error": {"message": "Unknown parameter: stream_options", "param": "stream_options"}})
        elif call.body.get("stream"):
            pace = replace(self._pace, pause_s=SLOW_PAUSE_S) if "[slow]" in call.text else self._pace
            await ReplyStream(call.body, fault, send, pace).run()
        else:
            await asyncio.sleep(self._pace.first_token_s + self._pace.pause_s * self._pace.tokens)
            await _send_json(send, 200, whole_reply(call.body, fault, self._pace))

    def _of_message(self, text: str) -> Answer | None:
        found = _ASKED_FOR.search(text)
        if found is None or text in self._failed_once:
            return None
        if found[2]:
            self._failed_once.add(text)
        if found[1].startswith("status-"):
            return Answer(Fault.STATUS, int(found[1].removeprefix("status-")), RETRY_AFTER_S)
        return Answer(FAULTS_BY_MODEL[found[1]]) if found[1] in FAULTS_BY_MODEL else None

    def _of_model(self, model: str) -> Answer | None:
        if model in FAULTS_BY_MODEL:
            return Answer(FAULTS_BY_MODEL[model])
        if found := re.fullmatch(r"status-(\d{3})", model):
            return Answer(Fault.STATUS, int(found[1]))
        if self._models is not None and model not in self._models:
            error = {"message": f"There is no model {model}", "code": "model_not_found"}
            return Answer(Fault.STATUS, 404, body=json.dumps({"error": error}))
        return None


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _read_json(receive: Receive) -> dict[str, Any]:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    parsed: dict[str, Any] = json.loads(body)
    return parsed


async def _send_status(send: Send, answer: Answer) -> None:
    message = f"A scripted fault with status {answer.status}"
    body = answer.body if answer.body is not None else json.dumps({"error": {"message": message, "code": None}})
    wait = [] if answer.retry_after_s is None else [(b"retry-after", f"{answer.retry_after_s:g}".encode())]
    kind = b"application/json" if body.startswith("{") else b"text/html"
    await send({"type": "http.response.start", "status": answer.status, "headers": [(b"content-type", kind), *wait]})
    await send({"type": "http.response.body", "body": body.encode()})


async def _send_json(send: Send, status: int, body: Mapping[str, Any]) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def main() -> None:
    parser = argparse.ArgumentParser(description="Serve the stand-in model until interrupted.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--first-token-s", type=float, default=0.0)
    parser.add_argument("--tokens-per-s", type=float, default=None, help="default: as fast as it goes")
    parser.add_argument("--tokens", type=int, default=8)
    options = parser.parse_args()
    stand_in = OpenAIStandIn(
        port=options.port, first_token_s=options.first_token_s, tokens_per_s=options.tokens_per_s, tokens=options.tokens
    )
    with stand_in, suppress(KeyboardInterrupt):
        sys.stdout.write(f"{stand_in.base_url}\n")
        sys.stdout.flush()
        threading.Event().wait()


if __name__ == "__main__":
    main()
