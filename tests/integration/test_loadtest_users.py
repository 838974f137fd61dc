"""The load test's users against a real service: they find nothing where nothing is wrong, and each defect that is planted."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Sequence
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from adapters.memory.llm_client import MemoryLLMClient
from adapters.memory.message_store import MemoryMessageStore
from adapters.memory.notifier import MemoryNotifier
from imcore.double_texting import DoubleTexting
from imcore.events import ReplyDelta, ReplyEvent
from imcore.message import Message, MessageType
from imcore.ports import LLMChunk
from imcore.prompt import Prompt
from loadtest.model.replies import reply_to
from tests.fakes.api_container import SECRET, MemoryContainer
from tests.fakes.api_server import ApiServer

pytestmark = pytest.mark.skipif(find_spec("locust") is None, reason="Locust is not installed: make loadtest does")

SEED = 6
DEFECTS = ("lost", "doubled", "out_of_order", "text_mismatch", "violations")


def model(prompt: Prompt) -> str:
    return reply_to(prompt[-1].content, SEED, words=8)


class RepeatingNotifier(MemoryNotifier):
    """Planted: each twentieth delta is told again, further on."""

    def __init__(self) -> None:
        super().__init__()
        self._deltas = count(1)

    def publish(self, user_id: str, event: ReplyEvent, *, origin: str = "") -> None:
        super().publish(user_id, event, origin=origin)
        if isinstance(event, ReplyDelta) and next(self._deltas) % 20 == 0:
            super().publish(user_id, ReplyDelta(event.record_id, event.attempt, event.offset + len(event.text), event.text))


class ForgetfulStore(MemoryMessageStore):
    """Planted: each user's first reply is not in the history."""

    async def messages(self, *args: Any, **options: Any) -> Sequence[Message]:
        found = await super().messages(*args, **options)
        first = next((message for message in found if message.msg_type is MessageType.AI_REPLY), None)
        return [message for message in found if message is not first]


class MixingModel(MemoryLLMClient):
    """Planted: each tenth reply goes on as another call's would."""

    def __init__(self) -> None:
        super().__init__(self._answer_badly, pause_s=0.01)
        self._calls = count(1)

    def _answer_badly(self, prompt: Prompt) -> str:
        if next(self._calls) % 10:
            return model(prompt)
        half = len(model(prompt)) // 2
        return model(prompt)[:half] + reply_to(prompt[-1].content, SEED, call=2, words=8)[half:]


class ForgettingModel(MemoryLLMClient):
    """Planted: each tenth reply never comes."""

    def __init__(self) -> None:
        super().__init__(model, pause_s=0.01)
        self._calls = count(1)

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        if next(self._calls) % 10 == 0:
            await asyncio.Event().wait()
        async for chunk in super().stream(prompt):
            yield chunk


async def run_users(container: MemoryContainer, folder: Path, *options: str) -> dict[str, Any]:
    """The last line of a run of ten users; the lines before it are checked on the way."""
    out = folder / "result.jsonl"
    async with ApiServer.running(container) as server:
        host, talk = f"http://127.0.0.1:{server.port}", ("--users", "10", "--seconds", "1", "--think", "exponential:0.05")
        command = [sys.executable, "-m", "loadtest.users", "--host", host, *talk, "--model-seed", str(SEED), "--jwt-secret", SECRET]
        process = await asyncio.create_subprocess_exec(
            *command, "--patience-s", "3", "--out", str(out), *options, stderr=asyncio.subprocess.PIPE
        )
        _, errors = await process.communicate()
    *seconds_, final = [json.loads(line) for line in out.read_text().splitlines()]
    assert "Traceback" not in errors.decode(), errors.decode()
    assert sum(second["reply_ms"]["count"] for second in seconds_) == final["times"]["reply_ms"]["count"]
    assert process.returncode == (1 if final["defects"] else 0)
    assert final["counts"]["accepted"] > 10
    counts: dict[str, Any] = final["counts"]
    return counts | {"examples": final["examples"]}


def found(counts: dict[str, Any]) -> dict[str, int]:
    return {kind: counts[kind] for kind in DEFECTS if counts[kind]}


@pytest.mark.parametrize("scenario", ["mixed", "storm"])
async def test_users_of_a_sound_service_find_nothing(scenario: str, tmp_path: Path) -> None:
    container = MemoryContainer(MemoryLLMClient(model, pause_s=0.02))
    counts = await run_users(container, tmp_path, "--scenario", scenario, "--storm-every-s", "0.5")
    assert found(counts) == {}, counts["examples"]
    assert counts["replied"] == counts["accepted"] == counts["sent"]
    assert counts["histories"] == 10
    assert (counts["resumes"] > 0) == (scenario == "storm")


@pytest.mark.parametrize("mode", list(DoubleTexting))
async def test_users_who_say_several_things_at_once_find_nothing_in_any_mode(mode: DoubleTexting, tmp_path: Path) -> None:
    container = MemoryContainer(MemoryLLMClient(model, pause_s=0.02), double_texting=mode)
    counts = await run_users(container, tmp_path, "--scenario", "double-texting", "--double-texting", mode.value)
    assert found(counts) == {}, counts["examples"]
    assert (counts["cancelled"] > 0) == (mode is DoubleTexting.INTERRUPT)
    assert ("reply_in_progress" in counts["rejected_by_code"]) == (mode is DoubleTexting.REJECT)


async def test_a_delta_that_is_told_twice_is_found(tmp_path: Path) -> None:
    container = MemoryContainer(MemoryLLMClient(model, pause_s=0.01), notifier=RepeatingNotifier())
    counts = await run_users(container, tmp_path)
    assert found(counts).keys() == {"violations"}
    assert "the text shown is not the one stored" in str(counts["examples"])


async def test_a_reply_that_is_missing_in_the_history_is_found(tmp_path: Path) -> None:
    container = MemoryContainer(MemoryLLMClient(model, pause_s=0.01))
    container._store = ForgetfulStore()
    counts = await run_users(container, tmp_path)
    assert found(counts) == {"lost": 10}


async def test_a_reply_mixed_of_two_calls_is_found(tmp_path: Path) -> None:
    counts = await run_users(MemoryContainer(MixingModel()), tmp_path, "--scenario", "http")
    assert found(counts).keys() == {"text_mismatch"}


async def test_a_reply_that_never_comes_is_found(tmp_path: Path) -> None:
    counts = await run_users(MemoryContainer(ForgettingModel()), tmp_path)
    assert found(counts).keys() == {"lost"}
    assert "has no end" in counts["examples"][0]
