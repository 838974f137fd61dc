"""`IM_LLM` finds a Runnable, or says in one line why not."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.llm.errors import WrongLLMSettingsError
from adapters.llm.loading import load_runnable

MODULE = """
from types import SimpleNamespace
from langchain_core.runnables import RunnableLambda

chain = RunnableLambda(lambda messages: "hello")
box = SimpleNamespace(chain=chain)
number = 7

def build():
    return chain

def build_with(model):
    return chain

def build_nothing():
    return None

def fail():
    raise RuntimeError("no such model")
"""


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    Path("loading_probe.py").write_text(MODULE)
    Path("loading_probe_broken.py").write_text("import a_package_that_is_not_there")
    yield
    for name in ("loading_probe", "loading_probe_broken"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize("target", ["loading_probe:chain", "loading_probe:box.chain", "loading_probe:build"])
def test_a_runnable_in_the_working_directory_is_found(target: str) -> None:
    assert load_runnable(target).invoke([]) == "hello"


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("loading_probe", "package.module:attribute is wanted"),
        ("loading_probe:", "package.module:attribute is wanted"),
        ("loading probe:chain", "package.module:attribute is wanted"),
        ("no_such_module:chain", "No module named 'no_such_module'"),
        ("loading_probe_broken:chain", "No module named 'a_package_that_is_not_there'"),
        ("loading_probe:no_chain", "no attribute 'no_chain'"),
        ("loading_probe:number", "it is a int"),
        ("loading_probe:build_with", "it is a function"),
        ("loading_probe:build_nothing", "it is a NoneType"),
        ("loading_probe:fail", "RuntimeError: no such model"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_reason(target: str, reason: str) -> None:
    with pytest.raises(WrongLLMSettingsError) as raised:
        load_runnable(target)
    assert raised.value.detail.startswith(f"IM_LLM={target}: ")
    assert reason in raised.value.detail
    assert "\n" not in raised.value.detail
