"""The WebSocket of the load test's users against the library's server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve
from websockets.typing import Subprotocol

pytest.importorskip("gevent", reason="gevent is not installed: make loadtest does")
from loadtest.users.websocket import ConnectionLostError, WebSocket


@contextmanager
def serving(talk: Callable[[ServerConnection], None], refuse_with: int | None = None) -> Iterator[str]:
    """The URL of a server that has this conversation with everybody, or refuses them."""

    def refuse(connection: ServerConnection, _: Request) -> Response | None:
        return connection.respond(refuse_with, "no") if refuse_with else None

    with serve(talk, "127.0.0.1", 0, process_request=refuse, subprotocols=[Subprotocol("bearer")]) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}/ws/ann"
        finally:
            server.shutdown()
            thread.join()


def connected(url: str) -> WebSocket:
    return WebSocket(url, "a-token", timeout_s=5)


def receive(socket: WebSocket, count: int) -> list[bytes]:
    texts: list[bytes] = []
    while len(texts) < count:
        texts += socket.receive(5)
    return texts


def echo(connection: ServerConnection) -> None:
    for message in connection:
        connection.send(message)


def test_what_is_sent_comes_back_be_it_short_or_long() -> None:
    texts = ["x", "Grüße 𠮷", "y" * 200, "z" * 100_000]
    with serving(echo) as url:
        socket = connected(url)
        for text in texts:
            socket.send(text.encode())
        assert [text.decode() for text in receive(socket, len(texts))] == texts
        socket.close()


def test_texts_that_were_sent_before_anybody_asked_are_not_lost() -> None:
    def greet(connection: ServerConnection) -> None:
        connection.send("one")
        connection.send("two")
        echo(connection)

    with serving(greet) as url:
        socket = connected(url)
        assert receive(socket, 2) == [b"one", b"two"]
        socket.close()


def test_a_text_in_fragments_is_one_text() -> None:
    def fragment(connection: ServerConnection) -> None:
        connection.send(["one ", "two ", "three"])
        echo(connection)

    with serving(fragment) as url:
        socket = connected(url)
        assert receive(socket, 1) == [b"one two three"]
        socket.close()


def test_a_ping_is_answered() -> None:
    def ping(connection: ServerConnection) -> None:
        ponged = connection.ping()
        connection.recv()
        connection.send("ponged" if ponged.wait(5) else "no pong")
        echo(connection)

    with serving(ping) as url:
        socket = connected(url)
        socket.receive(0.05)
        socket.send(b"go on")
        assert receive(socket, 1) == [b"ponged"]
        socket.close()


def test_silence_is_no_text_and_no_loss() -> None:
    with serving(echo) as url:
        socket = connected(url)
        assert socket.receive(0.01) == []
        socket.send(b"still here")
        assert receive(socket, 1) == [b"still here"]
        socket.close()


def test_a_close_by_the_server_names_its_code() -> None:
    """Also when it comes in one piece with the handshake's answer."""

    def listen(url: str) -> None:
        socket = connected(url)
        try:
            receive(socket, 1)
        finally:
            socket.abort()

    with serving(lambda connection: connection.close(4401, "expired")) as url:
        with pytest.raises(ConnectionLostError) as lost:
            listen(url)
        assert lost.value.code == 4401


def test_a_refused_handshake_names_its_status() -> None:
    with serving(echo, refuse_with=403) as url, pytest.raises(ConnectionLostError) as lost:
        connected(url)
    assert lost.value.status == 403


def test_nobody_there_is_a_loss_too() -> None:
    with pytest.raises(ConnectionLostError, match="no connection"):
        connected("ws://127.0.0.1:1/ws/ann")


def test_nothing_is_sent_or_received_after_leaving() -> None:
    with serving(echo) as url:
        socket = connected(url)
        socket.abort()
        with pytest.raises(ConnectionLostError):
            socket.receive(5)
        with pytest.raises(ConnectionLostError):
            socket.send(b"hello?")
