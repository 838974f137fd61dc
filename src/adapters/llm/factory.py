"""From settings to the client that they mean."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from adapters.llm.closable import ClientKind, ClosableLLMClient, ReplyMode
from adapters.llm.demo import DemoLLMClient
from adapters.llm.errors import WrongLLMSettingsError

log = logging.getLogger(__name__)

_TRACING = ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING", "LANGCHAIN_TRACING_V2")


@dataclass(frozen=True, slots=True)
class LLMOptions:
    """The settings `IM_LLM…` and `IM_REPLY_MODE`, one attribute each; "" counts as not set."""

    llm: str | None = None
    model: str | None = None
    base_url: str | None = None
    api_key: str | None = field(default=None, repr=False)
    client: ClientKind = "lean"
    fallback_models: Sequence[str] = ()
    timeout_s: float = 60.0
    first_token_timeout_s: float = 20.0
    max_retries: int = 2
    mode: ReplyMode = "stream"


def build_llm_client(options: LLMOptions) -> ClosableLLMClient:
    """The Runnable that `llm` names, else the model `model` with its fallbacks, else the demo model. Takes seconds: LangChain is imported.

    Nothing is connected yet; the client may serve several event loops, each of which closes it.

    Raises:
        WrongLLMSettingsError: the settings contradict each other, or name what is not there.
    """
    if options.llm:
        models = [_runnable_client(options, options.llm)]
    elif options.model:
        _check_key(options)
        models = _openai_clients(options, [options.model, *options.fallback_models])
    elif options.base_url or options.api_key or options.fallback_models:
        raise WrongLLMSettingsError(
            "IM_LLM_MODEL: needed with IM_LLM_BASE_URL, IM_LLM_API_KEY or IM_LLM_FALLBACK_MODELS, the model's name."
        )
    else:
        return DemoLLMClient(mode=options.mode)
    _warn_of_tracing()
    return _resilient(options, models)


def _runnable_client(options: LLMOptions, target: str) -> ClosableLLMClient:
    from adapters.llm.langchain import LangChainLLMClient  # noqa: PLC0415  (LangChain takes a second to import)
    from adapters.llm.loading import load_runnable  # noqa: PLC0415  (the same)

    if options.fallback_models:
        log.warning("IM_LLM_FALLBACK_MODELS is for IM_LLM_MODEL; a Runnable has its own with_fallbacks()", extra={"llm": target})
    return LangChainLLMClient(load_runnable(target), name=target, mode=options.mode)


def _openai_clients(options: LLMOptions, names: Sequence[str]) -> list[ClosableLLMClient]:
    from adapters.llm.openai_compatible import OpenAICompatibleLLMClient  # noqa: PLC0415  (langchain-openai takes seconds to import)

    patience_s = options.first_token_timeout_s if options.mode == "stream" else options.timeout_s
    return [
        OpenAICompatibleLLMClient(
            name,
            base_url=options.base_url,
            api_key=options.api_key,
            kind=options.client,
            mode=options.mode,
            read_timeout_s=max(options.timeout_s, patience_s),
            max_retries=options.max_retries,
            longest_wait_s=patience_s,
        )
        for name in names
    ]


def _resilient(options: LLMOptions, models: Sequence[ClosableLLMClient]) -> ClosableLLMClient:
    from adapters.llm.resilient import ResilientLLMClient  # noqa: PLC0415  (the demo model needs no retries)

    return ResilientLLMClient(
        models,
        first_token_timeout_s=options.first_token_timeout_s,
        timeout_s=options.timeout_s,
        max_retries=options.max_retries,
        mode=options.mode,
    )


def _check_key(options: LLMOptions) -> None:
    if not options.api_key and not options.base_url:
        raise WrongLLMSettingsError(
            "IM_LLM_API_KEY: needed for api.openai.com; for a server of your own set IM_LLM_BASE_URL, http://host:port/v1."
        )


def _warn_of_tracing() -> None:
    switched_on = [name for name in _TRACING if os.environ.get(name, "").lower() == "true"]
    if switched_on:
        log.warning("%s is set: LangSmith sends the content of all conversations out", switched_on[0], extra={"variable": switched_on[0]})
