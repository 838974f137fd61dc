"""HintMessage: a Celery task message of which only its id and its session ids are new each time."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from uuid import uuid4

from celery import Celery  # type: ignore[import-untyped]  # it ships no types

from adapters.task_queue.celery_app import HINT_QUEUE, HINT_TASK

_ID, _BODY = "{id}", "{body}"


class HintMessage:
    """What `send_task` would put in the list, at a seventh of its price: Celery makes the task's headers once, here.

    The envelope around them is kombu's for brokers that know no messages of their own.
    """

    def __init__(self, app: Celery) -> None:
        task = app.amqp.create_task_message(_ID, HINT_TASK, argsrepr="", kwargsrepr="", ignore_result=True)
        _, self._kwargs, self._embedded = task.body
        delivery = {"delivery_mode": 2, "delivery_info": {"exchange": "", "routing_key": HINT_QUEUE}, "priority": 0}
        envelope = {
            "body": _BODY,
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": task.headers,
            "properties": task.properties | delivery | {"body_encoding": "base64", "delivery_tag": _ID},
        }
        self._template = json.dumps(envelope)

    def render(self, session_ids: Sequence[str], origin: str = "") -> str:
        """The message that names these sessions and the process where they were written to, under an id of its own."""
        args = [session_ids, origin] if origin else [session_ids]
        body = json.dumps([args, self._kwargs, self._embedded])
        return self._template.replace(_ID, str(uuid4())).replace(_BODY, b64encode(body.encode()).decode())
