"""The kit from one end to the other: it finds nothing in the service as it is, and what is broken on purpose by the right count."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from loadtest.broken import VARIABLE as BROKEN_ONE_IN
from loadtest.profiles import profile
from loadtest.result import INTEGRITY, Result
from loadtest.running.installation import started
from loadtest.running.load import Load, Model
from loadtest.running.run import run
from loadtest.verdict import Limits

pytestmark = pytest.mark.skipif(find_spec("locust") is None, reason="Locust is not installed: make loadtest does")

FAST = Model(first_token_s="fixed:0", tokens_per_s="fixed:200", tokens="fixed:8")  # noqa: S106  (a duration, no password)


def result_of(name: str, load: Load, model: Model) -> Result:
    with started(profile(name), model) as installation:
        return run(installation, load, model, Limits(availability=1.0), lambda _: None)


def defects(result: Result) -> dict[str, int]:
    return {name: result["counts"][name] for name in INTEGRITY if result["counts"][name]}


def test_the_service_as_it_is_passes_and_every_history_was_compared() -> None:
    result = result_of("embedded", Load(users=5, seconds=3), Model())
    assert defects(result) == {}, result["examples"]
    assert result["verdict"] == {"passed": True, "reasons": []}
    assert result["counts"]["replied"] == result["counts"]["accepted"] > 5
    assert result["counts"]["histories"] == 5
    assert result["summary"]["replies_per_cpu_s"] > 0
    assert result["audit"] is not None
    assert not any(result["audit"].values())


def test_replies_that_are_kept_twice_are_counted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BROKEN_ONE_IN, "10")
    result = result_of("broken-doubled-reply", Load(users=5, seconds=2), FAST)
    planted = result["counts"]["replied"] // 10
    assert planted > 0
    assert defects(result) == {"doubled": planted}, result["examples"]
    assert not result["verdict"]["passed"]
