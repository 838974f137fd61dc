"""Settings mean the client that a user expects, or an error that names the setting."""

from __future__ import annotations

import logging

import pytest

from adapters.llm import LLMOptions, WrongLLMSettingsError, build_llm_client
from adapters.llm.demo import DemoLLMClient
from tests.stand_ins.prompts import CONVERSATION, says
from tests.stand_ins.reading import read, text_of

KEY = "sk-of-a-test-0123456789"
PIRATE = "examples.pirate_chain:chain"


def test_without_any_setting_the_demo_model_answers() -> None:
    assert isinstance(build_llm_client(LLMOptions(llm="", model="")), DemoLLMClient)


async def test_a_runnable_is_taken_before_a_model() -> None:
    client = build_llm_client(LLMOptions(llm=PIRATE, model="gpt", api_key=KEY))
    assert client.request(CONVERSATION)["model"] == PIRATE


async def test_the_example_chain_answers() -> None:
    assert "Arr! Ye said: Hello." in text_of(await read(build_llm_client(LLMOptions(llm=PIRATE)), says("Hello")))


async def test_a_model_is_asked_by_its_name() -> None:
    client = build_llm_client(LLMOptions(model="gpt", api_key=KEY))
    assert client.request(CONVERSATION)["model"] == "gpt"
    await client.close()


@pytest.mark.parametrize(
    ("options", "setting"),
    [
        (LLMOptions(base_url="http://127.0.0.1:1/v1"), "IM_LLM_MODEL"),
        (LLMOptions(api_key=KEY), "IM_LLM_MODEL"),
        (LLMOptions(fallback_models=["gpt"]), "IM_LLM_MODEL"),
        (LLMOptions(model="gpt"), "IM_LLM_API_KEY"),
    ],
)
def test_half_a_setting_is_refused_by_the_name_of_the_other_half(options: LLMOptions, setting: str) -> None:
    with pytest.raises(WrongLLMSettingsError, match=f"^{setting}"):
        build_llm_client(options)


def test_the_key_does_not_show_in_the_options() -> None:
    assert KEY not in repr(LLMOptions(api_key=KEY))


def test_fallback_models_without_effect_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    build_llm_client(LLMOptions(llm=PIRATE, fallback_models=["gpt"]))
    assert "IM_LLM_FALLBACK_MODELS" in caplog.text


@pytest.mark.parametrize(("value", "warned"), [("true", True), ("false", False)])
def test_tracing_is_warned_of_when_it_is_switched_on(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, value: str, warned: bool
) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", value)
    with caplog.at_level(logging.WARNING):
        build_llm_client(LLMOptions(llm=PIRATE))
    assert ("LANGSMITH_TRACING" in caplog.text) is warned
