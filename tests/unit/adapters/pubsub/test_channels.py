from __future__ import annotations

import random

from adapters.pubsub import wire
from adapters.pubsub.channels import EVENTS, ITEMS_A_MESSAGE, REQUESTS, Batch, Encoded, addressed, events_of


def _taken(*origins: str) -> list[Encoded]:
    return [Encoded(events_of(origin), b"%d" % number) for number, origin in enumerate(origins)]


def test_what_everybody_is_to_hear_is_one_message() -> None:
    (batch,) = addressed(_taken("", "", ""))
    assert batch == (EVENTS, b"[0,1,2]", 3)


def test_requests_are_one_message() -> None:
    (batch,) = addressed([Encoded(REQUESTS, b"0"), Encoded(REQUESTS, b"1")])
    assert batch == (REQUESTS, b"[0,1]", 2)


def test_nothing_is_no_message() -> None:
    assert addressed([]) == []


def test_what_goes_to_single_processes_travels_with_the_rest_where_that_is_cheaper_and_they_alone_take_it() -> None:
    few = ["left", "right"] * (ITEMS_A_MESSAGE // 2 - 1)
    (batch,) = addressed(_taken(*few, ""))
    assert (batch.channel, batch.items) == (EVENTS, len(few) + 1)
    assert wire.split(batch.payload, events_of("left")) == [*range(0, len(few), 2), len(few)]
    assert wire.split(batch.payload, events_of("right")) == [*range(1, len(few), 2), len(few)]
    assert wire.split(batch.payload) == [len(few)]


def test_what_goes_to_one_process_only_travels_alone_however_little_it_is() -> None:
    assert addressed(_taken("left")) == [Batch("im:events:left", b"[0]", 1)]


def test_starts_that_come_in_turns_with_deltas_do_not_each_become_a_message() -> None:
    assert len(addressed(_taken(*["", "left"] * ITEMS_A_MESSAGE))) == 1


def test_many_items_for_two_processes_are_a_message_for_each() -> None:
    many = ["left", "right"] * ITEMS_A_MESSAGE
    assert [(batch.channel, batch.items) for batch in addressed(_taken(*many))] == [
        ("im:events:left", ITEMS_A_MESSAGE),
        ("im:events:right", ITEMS_A_MESSAGE),
    ]


def test_each_process_hears_its_own_and_what_everybody_hears_in_the_order_of_publishing() -> None:
    die = random.Random(1)
    for shared in (1, 10, 100, 1000):
        origins = die.choices(["left", "right", ""], weights=[1000, 1000, shared], k=300)
        batches = addressed(_taken(*origins))
        assert sum(batch.items for batch in batches) == len(origins)
        for name in ("left", "right"):
            own = events_of(name)
            heard = [item for batch in batches if batch.channel in (EVENTS, own) for item in wire.split(batch.payload, own)]
            assert heard == [number for number, origin in enumerate(origins) if origin in (name, "")]
