from __future__ import annotations

import random
from itertools import pairwise

import orjson

from adapters.pubsub.channels import EVENTS, ITEMS_A_MESSAGE, REQUESTS, Encoded, addressed, events_of


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


def test_what_may_go_to_single_processes_goes_to_all_where_that_is_cheaper() -> None:
    few = ["left", "right"] * (ITEMS_A_MESSAGE - 1)
    assert [(batch.channel, batch.items) for batch in addressed(_taken(*few, ""))] == [(EVENTS, len(few) + 1)]


def test_many_items_for_two_processes_are_a_message_for_each() -> None:
    many = ["left", "right"] * ITEMS_A_MESSAGE
    assert [(batch.channel, batch.items) for batch in addressed(_taken(*many))] == [
        ("im:events:left", ITEMS_A_MESSAGE),
        ("im:events:right", ITEMS_A_MESSAGE),
    ]


def test_each_process_hears_its_own_and_what_everybody_hears_in_the_order_of_publishing() -> None:
    die = random.Random(1)
    for _ in range(50):
        origins = die.choices(["left", "right", ""], weights=[8, 8, 1], k=200)
        batches = addressed(_taken(*origins))
        assert sum(batch.items for batch in batches) == len(origins)
        for name in ("left", "right"):
            heard = [item for batch in batches if batch.channel in (EVENTS, events_of(name)) for item in orjson.loads(batch.payload)]
            assert heard == [number for number, origin in enumerate(origins) if origin in (name, "")]
        assert all(before.channel != after.channel for before, after in pairwise(batches))
