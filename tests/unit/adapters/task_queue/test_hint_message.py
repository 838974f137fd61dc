from __future__ import annotations

import json
from base64 import b64decode
from typing import Any

from adapters.task_queue.celery_app import HINT_TASK, celery_app
from adapters.task_queue.hint_message import HintMessage


def _rendered(*session_ids: str) -> dict[str, Any]:
    with celery_app("redis://host") as app:
        envelope: dict[str, Any] = json.loads(HintMessage(app).render(session_ids))
        return envelope


def test_a_hint_is_a_task_with_the_session_ids_for_its_only_argument() -> None:
    envelope = _rendered("ada", "bob")
    args, kwargs, _ = json.loads(b64decode(envelope["body"]))
    assert envelope["headers"]["task"] == HINT_TASK
    assert (args, kwargs) == ([["ada", "bob"]], {})


def test_each_hint_has_an_id_of_its_own_wherever_celery_looks_for_one() -> None:
    with celery_app("redis://host") as app:
        message = HintMessage(app)
        ids = [
            {
                *(each["headers"][name] for name in ("id", "root_id")),
                *(each["properties"][name] for name in ("correlation_id", "delivery_tag")),
            }
            for each in (json.loads(message.render(["ada"])) for _ in range(2))
        ]
    assert [len(same) for same in ids] == [1, 1]
    assert ids[0] != ids[1]


def test_session_ids_can_be_any_text() -> None:
    session_ids = ['"', "\\", "{id}", "{body}", "héllo 😀", "\x00"]
    args, *_ = json.loads(b64decode(_rendered(*session_ids)["body"]))
    assert args == [session_ids]
