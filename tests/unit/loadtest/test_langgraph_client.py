"""A reply of LangGraph's server counts if its text is the expected one, and as a failure otherwise."""

from __future__ import annotations

from typing import Any

import orjson

from loadtest.benchmarks.clients.langgraph import LanggraphUser, _EventStreams
from loadtest.benchmarks.clients.tally import Tally

HEAD = b"HTTP/1.1 %d OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
METADATA = b'event: metadata\r\ndata: {"run_id":"1","attempt":1}\r\n\r\n'
HEARTBEAT = b": heartbeat\r\n\r\n"


def token(text: str) -> bytes:
    return b"event: messages\r\ndata: %s\r\n\r\n" % orjson.dumps([{"content": text, "type": "AIMessageChunk"}, {"graph_id": "chat"}])


def figures_of(*chunks: bytes, status: int = 200, piece_bytes: int = 1) -> dict[str, Any]:
    """What a user who expects "one two " counts of such an answer, which arrives in pieces."""
    tally = Tally()
    tally.mark()
    user = LanggraphUser("user0", 0, tally, "one two ")
    user.is_leaving = True  # it says nothing more
    streams = _EventStreams(user)
    answer = HEAD % status + b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in (*chunks, b""))
    for at in range(0, len(answer), piece_bytes):
        streams.data_received(answer[at : at + piece_bytes])
    tally.end()
    figures = tally.result()["figures"]
    assert isinstance(figures, dict)
    return figures


async def test_a_whole_reply_counts_however_its_bytes_arrive() -> None:
    chunks = (METADATA, token("one "), HEARTBEAT, token("two "), token(""))
    for piece_bytes in (1, 7, 10_000):
        figures = figures_of(*chunks, piece_bytes=piece_bytes)
        assert (figures["replies"], figures["failures"]) == (1, 0)
        assert figures["first_token_p50_ms"] <= figures["reply_p50_ms"]


async def test_a_reply_without_one_of_its_tokens_is_a_failure_and_no_reply() -> None:
    figures = figures_of(METADATA, token("one "))
    assert ("replies" in figures, figures["failures"]) == (False, 1)


async def test_an_error_after_the_last_token_is_a_failure_and_no_reply() -> None:
    figures = figures_of(METADATA, token("one "), token("two "), b'event: error\r\ndata: {"error":"ValueError"}\r\n\r\n')
    assert ("replies" in figures, figures["failures"]) == (False, 1)


async def test_a_run_that_is_refused_is_a_failure_and_not_accepted() -> None:
    figures = figures_of(b'{"detail":"no such thread"}', status=404)
    assert ("accept_p50_ms" in figures, figures["failures"]) == (False, 1)
