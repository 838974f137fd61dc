"""Two API processes and two workers over a real database and a real Valkey, started by the commands that an operator uses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
import redis

from adapters.sql.migrations_runner import migrate
from tests.chat_client import ChatClient
from tests.servers.imcore import ApiProcess, WorkerProcess


@dataclass(frozen=True)
class Installation:
    apis: list[ApiProcess]
    workers: list[WorkerProcess]

    @property
    def urls(self) -> list[str]:
        return [api.url for api in self.apis]

    def token(self, user_id: str) -> str:
        return self.apis[0].token(user_id)


@pytest.fixture(params=["postgresql", "mariadb"])
def installation(request, redis_url) -> Iterator[Installation]:
    database_url = request.getfixturevalue("postgres_url" if request.param == "postgresql" else "mysql_url")
    migrate(database_url)
    settings = {"DATABASE_URL": database_url, "REDIS_URL": redis_url}
    processes = [kind(settings) for kind in (ApiProcess, ApiProcess, WorkerProcess, WorkerProcess)]
    try:
        for process in processes:
            process.start()
        yield Installation(processes[:2], processes[2:])
    finally:
        for process in processes:
            process.close()


@pytest.mark.parametrize("read_at", [0, 1], ids=["read at the first", "read at the second"])
async def test_a_message_sent_to_one_api_process_is_answered_token_by_token_on_the_other(installation, read_at):
    second, first = installation.urls[read_at], installation.urls[1 - read_at]
    token = installation.token("alice")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=first, headers=headers) as http, ChatClient([second], "alice", token).connected() as alice:
        sent = await http.post("/api/message/send", json={"msg_content": "hello from the other side"})
        assert sent.status_code == 202
        shown = await alice.ended(sent.json()["record_id"])
        deltas = [frame for frame in alice.frames if frame["type"] == "reply.delta"]
        assert len(deltas) > 3
        assert "".join(delta["text"] for delta in deltas) == shown.ends[0]["message"]["msg_content"]
        assert "hello from the other side" in shown.text
        record = (await http.get("/api/ai/records")).json()["items"][0]
        whole = (await http.get(f"/api/ai/records/{record['record_id']}")).json()
        assert record["status"] == 1
        assert record["duration_ms"] > 0
        assert record["prompt_tokens"] > 0
        assert whole["request_content"]["messages"][-1] == {"role": "user", "content": "hello from the other side"}
        assert alice.violations == []


async def test_the_deltas_of_a_reply_go_to_the_api_process_of_its_reader_alone(installation, redis_url):
    url = installation.urls[1]  # it came second, and so knows from the start that it is not alone
    channels = []
    with redis.Redis.from_url(redis_url, decode_responses=True) as client, client.pubsub(ignore_subscribe_messages=True) as pubsub:
        pubsub.psubscribe("im:events*")
        pubsub.get_message(timeout=5)
        async with ChatClient([url], "alice", installation.token("alice")).connected() as alice:
            record_id = await alice.send("hello")
            await alice.ended(record_id)
        while message := pubsub.get_message(timeout=0.5):
            for item in json.loads(message["data"]):
                marked = item if isinstance(item, dict) else {message["channel"]: [item]}
                channels += [(channel, its[1]) for channel, items in marked.items() for its in items if its[2] == record_id]
    kinds = {kind: {channel for channel, its in channels if its == kind} for _, kind in channels}
    assert kinds["reply.started"] == kinds["reply.completed"] == {"im:events"}
    (channel,) = kinds["reply.delta"]
    assert channel.startswith("im:events:")


async def test_a_reader_whose_api_process_is_killed_sees_the_rest_of_the_text_grow_at_another(installation):
    """Its deltas go to nobody until the process that the reader comes to asks for them."""
    async with ChatClient([*reversed(installation.urls)], "alice", installation.token("alice")).connected() as alice:
        record_id = await alice.send(" ".join(f"word{number}" for number in range(300)))
        await alice.until(lambda: record_id in alice.shown and alice.shown[record_id].text)
        installation.apis[1].kill()
        await alice.until(lambda: alice.resumes > 1)
        met = len(alice.frames)
        shown = await alice.ended(record_id)
    grown = [frame for frame in alice.frames[met:] if frame["type"] == "reply.delta" and frame["record_id"] == record_id]
    assert len(grown) > 3
    assert shown.text == shown.ends[0]["message"]["msg_content"]
    assert alice.violations == []


async def test_the_operators_commands_find_a_healthy_installation(installation):
    api = installation.apis[0]
    for command in (["audit"], ["doctor"], ["recover"], ["migrate"]):
        done = api.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
