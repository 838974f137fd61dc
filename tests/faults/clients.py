"""Faults of clients: hasty, deaf, repetitive or fickle ones."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import suppress
from urllib.parse import urlsplit

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from imcore.ids import new_id
from tests.faults.crowd import Load
from tests.faults.evidence import Evidence
from tests.faults.fault import EVERYWHERE, Fault
from tests.faults.scene import Scene, blocking
from tests.faults.user import User

HURRY_S = 20.0
LONG_REPLIES = 60
LONG_WORDS = 6000
TOO_SLOW = 4409
CLOSE_WITHIN_S = 1.0
ANSWER_WITHIN_S = 60.0


async def hurry(scene: Scene) -> None:
    """Every client reconnects once a second, each time to the next instance."""
    scene.breaks(f"every client reconnects every second for {HURRY_S:g} s")
    scene.mended = 0.0
    deadline = time.monotonic() + HURRY_S
    while time.monotonic() < deadline:
        await asyncio.sleep(1)
        await asyncio.gather(*(user.drop() for user in scene.crowd.users))


async def read_nothing(scene: Scene) -> None:
    """One of a user's two connections reads nothing while megabytes are written to it."""
    first = scene.installation.urls[0]
    async with scene.guest("deaf", [first]) as user, _connection(user, first, receive_bytes=4096) as deaf:
        scene.breaks("a client reads nothing from now on")
        scene.mended = 0.0
        records = [await user.tell(f"long {number} words={LONG_WORDS}") for number in range(LONG_REPLIES)]
        for record_id in records:
            await user.ended(record_id)
        scene.figures["closed with"] = await _code_at_the_end(deaf)
    back = User(scene.installation.urls, user.user_id, user.token)
    async with back.connected():
        await back.until(lambda: any(frame["type"] == "resumed" and not frame["more"] for frame in back.frames))
        pages = [frame["messages"] for frame in back.frames if frame["type"] == "resumed"]
        told = {message["message_id"]: message["msg_content"] for page in pages for message in page}
        wanted = {shown.ends[0]["message"]["message_id"]: shown.text for shown in user.shown.values()}
        scene.check(wanted.items() <= told.items(), "after reading nothing, resume does not give the stored text")


async def _code_at_the_end(deaf: ClientConnection) -> int:
    """What a client that begins to read at last is told; 0 if it may stay, being told all of it late."""
    with suppress(TimeoutError):
        async with asyncio.timeout(10):
            with suppress(ConnectionClosed):
                while True:
                    await deaf.recv()
    return deaf.close_code or 0


async def was_closed(scene: Scene, evidence: Evidence) -> None:
    """It must be closed as too slow, or have lagged behind."""
    del evidence
    scene.check(scene.figures["closed with"] in {0, TOO_SLOW}, f"the deaf client was closed with {scene.figures['closed with']:g}")


def _connection(user: User, url: str, receive_bytes: int) -> connect:
    """A connection that takes up little before it is full."""
    address = urlsplit(url)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    raw.connect((address.hostname, address.port))
    return connect(
        f"{url.replace('http', 'ws', 1)}/ws/{user.user_id}",
        sock=raw,
        subprotocols=[Subprotocol("bearer"), Subprotocol(user.token)],
        compression=None,
        max_size=None,
        max_queue=1,
        ping_interval=None,
    )


async def repeat(scene: Scene) -> None:
    """Every message is sent three times at once, over both instances."""
    users = [User(scene.installation.urls, f"again-{number}", scene.installation.token(f"again-{number}")) for number in range(40)]
    scene.crowd.users = users
    limits = httpx.Limits(max_connections=120)
    async with scene.crowd.connected(), httpx.AsyncClient(timeout=30, limits=limits) as http:
        scene.say("every message is sent three times at once")
        await asyncio.gather(*(_repeat_all(scene, http, user, range(number, scene.messages, 40)) for number, user in enumerate(users)))
        await scene.crowd.answered()


async def _repeat_all(scene: Scene, http: httpx.AsyncClient, user: User, numbers: range) -> None:
    for number in numbers:
        message_id, text, sent_at = new_id(), f"{user.user_id} says {number}", time.monotonic()
        urls = scene.installation.urls
        body = {"message_id": message_id, "msg_content": text}
        targets = [f"{urls[copy % len(urls)]}/api/message/send" for copy in range(3)]
        answers = await asyncio.gather(*(http.post(target, json=body, headers=user.headers) for target in targets))
        statuses = sorted(answer.status_code for answer in answers)
        records = {answer.json().get("record_id") for answer in answers}
        scene.check(statuses == [200, 200, 202] and len(records) == 1, f"{text!r} was answered {statuses} with records {records}")
        user.adopt(message_id, records.pop(), text, sent_at=sent_at)


async def was_called_once_each(scene: Scene, evidence: Evidence) -> None:
    """As many records and as many calls of the model as messages."""
    assert scene.installation.model is not None
    calls = [call for call in await blocking(scene.installation.model.calls) if call["text"].startswith("again-")]
    records = sum(len(said.records) for said in evidence.said)
    scene.figures |= {"messages": scene.messages, "records": records, "model calls": len(calls)}
    scene.check(len(calls) == records == scene.messages, f"{scene.messages} messages, {records} records, {len(calls)} calls of the model")


async def cancel(scene: Scene) -> None:
    """In mid-reply, with a connection of the user's on each instance."""
    urls = scene.installation.urls
    scene.breaks("a user cancels three replies in the middle")
    scene.mended = 0.0
    name = f"fickle-{scene.random.randrange(16**6):x}"
    other = User(urls[1:] or urls, name, scene.installation.token(name))
    async with scene.guest(name, urls[:1]) as user, other.connected():
        for number in range(3):
            await _cancel_one(scene, user, other, f"{name} says {number} [slow]")


async def _cancel_one(scene: Scene, user: User, other: User, text: str) -> None:
    record_id = await user.tell(text)
    await user.until(lambda: len(user.shown[record_id].text.split()) >= 3)
    cancelled_at = time.time()
    await user.say({"type": "reply.cancel", "record_id": record_id})
    for client in (user, other):
        shown = await client.ended(record_id)
        scene.check(shown.ends[0]["type"] == "reply.cancelled", f"{text!r}: told {json.dumps(shown.ends[0])[:100]}")
    scene.check(user.shown[record_id].text, f"{text!r}: no text was kept")
    await _connection_closed(scene, text, cancelled_at)


async def _connection_closed(scene: Scene, text: str, cancelled_at: float) -> None:
    model = scene.installation.model
    assert model is not None
    closed: list[float] = []

    def met() -> bool:
        closed[:] = [call["closed_at"] for call in model.calls() if call["text"] == text and call["closed_at"] is not None]
        return bool(closed)

    if await scene.eventually(met, 5, f"{text!r}: the model's connection stays open"):
        took_s = closed[0] - cancelled_at
        scene.figures["longest close s"] = round(max(took_s, scene.figures.get("longest close s", 0)), 3)
        scene.check(took_s < CLOSE_WITHIN_S, f"{text!r}: the model's connection was closed after {took_s:.2f} s")


FAULTS = (
    Fault("client-reconnects", "every client reconnects every second, to the other instance", hurry, EVERYWHERE, Load(pause_s=2.0)),
    Fault("client-deaf", "a client that reads nothing", read_nothing, EVERYWHERE, check=was_closed),
    Fault(
        "repeated-sends",
        "each message sent three times at once, over both instances",
        repeat,
        EVERYWHERE,
        after_s=None,
        model=True,
        check=was_called_once_each,
    ),
    Fault("reply-cancelled", "replies cancelled in the middle", cancel, EVERYWHERE, model=True),
)
