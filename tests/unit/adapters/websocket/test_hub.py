"""Hub: an event reaches all connections of its user and nobody else's."""

from __future__ import annotations

import pytest

from adapters.websocket.close_codes import GOING_AWAY
from adapters.websocket.hub import MAX_STREAMS_PER_USER, Hub
from adapters.websocket.outbox import Outbox
from imcore.events import ReplyDelta, ReplyStarted
from imcore.live_replies import LiveReplies

STARTED = ReplyStarted("r-1", 1, "ann", "m-1", "m-2")


@pytest.fixture
def hub() -> Hub:
    return Hub(LiveReplies(lambda _: None), max_connections_per_user=2)


def socket(hub: Hub, user_id: str) -> Outbox:
    outbox = hub.open_socket(user_id)
    assert outbox is not None
    return outbox


async def test_all_connections_of_a_user_get_the_very_same_frame(hub: Hub) -> None:
    one, two, stranger = socket(hub, "ann"), socket(hub, "ann"), socket(hub, "bob")

    hub.deliver("ann", STARTED)

    assert await one.take() is await two.take()
    assert stranger.queued_bytes == 0


async def test_what_does_not_fit_the_text_so_far_is_not_handed_on(hub: Hub) -> None:
    outbox = socket(hub, "ann")
    hub.deliver("ann", STARTED)
    await outbox.take()

    hub.deliver("ann", ReplyDelta("r-1", 1, 7, "late"))

    assert outbox.queued_bytes == 0


def test_events_of_a_user_who_is_not_here_are_heard_all_the_same(hub: Hub) -> None:
    hub.deliver("ann", STARTED)
    hub.deliver("ann", ReplyDelta("r-1", 1, 0, "Hello"))

    snapshot = hub.snapshot("r-1")
    assert snapshot is not None
    assert snapshot.delta is not None
    assert snapshot.delta.text == "Hello"
    assert hub.connected() == {}


def test_a_user_has_as_many_sockets_as_allowed_and_streams_beside_them(hub: Hub) -> None:
    first = socket(hub, "ann")
    socket(hub, "ann")

    assert hub.open_socket("ann") is None
    assert hub.open_stream("ann", "r-1") is not None
    hub.remove("ann", first)
    assert hub.open_socket("ann") is not None


def test_a_socket_that_is_being_closed_does_not_count(hub: Hub) -> None:
    socket(hub, "ann").close(GOING_AWAY)
    socket(hub, "ann")

    assert hub.open_socket("ann") is not None


def test_streams_are_limited_too(hub: Hub) -> None:
    streams = [hub.open_stream("ann", f"r-{number}") for number in range(MAX_STREAMS_PER_USER + 1)]

    assert streams[-1] is None
    assert all(streams[:-1])


async def test_a_stream_gets_the_events_of_its_reply_only(hub: Hub) -> None:
    stream = hub.open_stream("ann", "r-1")
    assert stream is not None

    hub.deliver("ann", ReplyStarted("r-2", 1, "ann", "m-1", "m-2"))
    hub.deliver("ann", STARTED)

    frame = await stream.take()
    assert frame is not None
    assert frame.event is STARTED


def test_a_user_is_connected_from_the_first_connection_to_the_last(hub: Hub) -> None:
    one = socket(hub, "ann")
    since = hub.connected()["ann"]
    two = socket(hub, "ann")
    hub.remove("ann", one)
    assert hub.connected() == {"ann": since}

    hub.remove("ann", two)
    hub.remove("ann", two)

    assert hub.connected() == {}


def test_when_the_server_goes_every_connection_is_closed_and_each_new_one_too(hub: Hub) -> None:
    old = socket(hub, "ann")
    hub.close_all(GOING_AWAY)
    new = socket(hub, "bob")

    assert (old.close_code, new.close_code) == (GOING_AWAY, GOING_AWAY)


def test_an_event_that_cannot_be_encoded_harms_nobody(hub: Hub) -> None:
    outbox = socket(hub, "ann")

    hub.deliver("ann", ReplyDelta("r-1", 1, 0, "\ud800"))
    hub.deliver("ann", ReplyStarted("r-2", 1, "ann", "m-1", "m-2"))

    assert outbox.queued_bytes > 0


def test_a_stream_counts_until_it_is_removed_even_closed(hub: Hub) -> None:
    streams = [hub.open_stream("ann", "r-1") for _ in range(MAX_STREAMS_PER_USER)]
    assert streams[0] is not None
    streams[0].close(None)
    assert hub.open_stream("ann", "r-1") is None

    hub.remove("ann", streams[0])

    assert hub.open_stream("ann", "r-1") is not None
