"""The body by a pattern is the body that ChatOpenAI makes, and its JSON says what the SDK's would say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_openai import ChatOpenAI
from openai._utils._json import openapi_dumps

from adapters.llm.lean_chat_openai import LeanChatOpenAI, encoded
from adapters.llm.runnable_input import messages_of
from imcore.prompt import PromptMessage, Role

TEXT = st.text(max_size=60) | st.sampled_from(["", " ", "\0", "\n\r", "a\u2028b", "😀" * 20, '"\\', "\ufeff", "x" * 100_000])
PROMPTS = st.lists(st.builds(PromptMessage, st.sampled_from(Role), TEXT), max_size=12)
SETTINGS: list[dict[str, Any]] = [
    {},
    {"model": "o1"},
    {"model": "o1-mini-2024-09-12", "temperature": 1.0},
    {"model": "o3-mini", "reasoning_effort": "low"},
    {"model": "gpt-5", "verbosity": "low", "reasoning_effort": "minimal"},
    {"temperature": 0.0, "top_p": 0.1, "seed": 7, "max_tokens": 5, "presence_penalty": -1.5, "frequency_penalty": 1e-7},
    {"logit_bias": {50256: -100, 7: 3}, "stop_sequences": ["\n", "Ende ä"]},
    {"model_kwargs": {"user": "Jürgen"}, "metadata": {"ключ": "значение"}, "store": True, "service_tier": "flex"},
    {"n": 2, "logprobs": True, "extra_body": {"top_k": 3}},
]
OPTIONS: list[dict[str, Any]] = [{}, {"stream": True}, {"stream": True, "stream_options": {"include_usage": True}}]


def build(kind: type[ChatOpenAI], **settings: Any) -> Any:
    return kind(**{"model": "echo", "api_key": "key", "base_url": "http://127.0.0.1:9/v1"} | settings)


MODELS = [(build(LeanChatOpenAI, **settings), build(ChatOpenAI, **settings)) for settings in SETTINGS]


@settings(max_examples=300, deadline=None)
@given(prompt=PROMPTS, models=st.sampled_from(MODELS), options=st.sampled_from(OPTIONS))
def test_a_body_is_the_one_of_chat_openai(prompt: list[PromptMessage], models: tuple[Any, Any], options: dict[str, Any]) -> None:
    lean, original = models
    body, expected = lean.body_of(prompt, **options), original._get_request_payload(messages_of(prompt), **options)
    assert body == expected
    assert json.loads(encoded(body)) == json.loads(openapi_dumps(expected))


@given(first=PROMPTS, second=PROMPTS)
def test_a_body_is_not_changed_by_the_next_one(first: list[PromptMessage], second: list[PromptMessage]) -> None:
    lean = MODELS[0][0]
    body = lean.body_of(first, stream=True)
    before = json.dumps(body)
    lean.body_of(second, stream=True, stop=["x"])
    lean.body_of(second, stream=True)
    assert json.dumps(body) == before


@pytest.mark.parametrize("name", ["gpt-5-pro", "codex-mini-latest"])
def test_a_model_of_the_responses_api_has_its_body_as_well(name: str) -> None:
    prompt = [PromptMessage(Role.USER, "Hello")]
    expected = build(ChatOpenAI, model=name)._get_request_payload(messages_of(prompt), stream=True)
    assert build(LeanChatOpenAI, model=name).body_of(prompt, stream=True) == expected


def test_a_subclass_that_makes_bodies_of_its_own_makes_each() -> None:
    class Brief(LeanChatOpenAI):
        def _get_request_payload(self, input_: Any, **options: Any) -> dict[str, Any]:
            body = super()._get_request_payload(input_, **options)
            body["messages"][-1]["content"] += " Be brief."
            return body

    for said in ("Hello", "Goodbye"):
        body = build(Brief).body_of([PromptMessage(Role.USER, said)], stream=True)
        assert body["messages"] == [{"role": "user", "content": f"{said} Be brief."}]
