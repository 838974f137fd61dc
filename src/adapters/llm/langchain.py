"""LLMClient over any LangChain Runnable: a chat model, a chain, an agent, a graph."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, cast

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableConfig

from adapters.llm.closable import ClosableLLMClient, ReplyMode
from adapters.llm.direct_stream import can_stream_directly, direct_stream, is_heard
from adapters.llm.errors import as_llm_error
from adapters.llm.runnable_input import described, input_of, is_graph, messages_of
from adapters.llm.runnable_output import Ending, ModelWatch, Transcript
from imcore.errors import LLMError
from imcore.ports import LLMChunk
from imcore.prompt import Prompt


class LangChainLLMClient(ClosableLLMClient):
    """Streams a Runnable (`astream`), or asks it for the whole reply at once (`ainvoke`).

    A chat model that no callback hears is streamed by a shorter way (`direct_stream`), unless it is to be `always_astream`.

    `name` stands for the model where the Runnable does not tell which one answered, `secret` is kept out of errors. With
    `needs_finish_reason` a reply without one counts as cut short. What the Runnable is given: see `runnable_input`; what it may give:
    see `runnable_output`.
    """

    def __init__(
        self,
        runnable: Runnable[Any, Any],
        *,
        name: str,
        mode: ReplyMode = "stream",
        needs_finish_reason: bool = False,
        secret: str = "",
        always_astream: bool = False,
    ) -> None:
        self._runnable = runnable
        self._to_input = input_of(runnable)
        self._name = name
        self._mode = mode
        self._needs_finish_reason = needs_finish_reason
        self._secret = secret
        takes_messages = self._to_input is messages_of
        self._direct = runnable if takes_messages and can_stream_directly(runnable) and not always_astream else None

    def request(self, prompt: Prompt) -> Mapping[str, object]:
        return {"model": self._name, **described(self._to_input, prompt)}

    async def stream(self, prompt: Prompt) -> AsyncGenerator[LLMChunk]:
        ending, transcript, whole, output = Ending(), Transcript(), "", None
        hears_itself, streams = isinstance(self._runnable, BaseChatModel), self._mode == "stream"
        config = RunnableConfig() if hears_itself else RunnableConfig(callbacks=[ModelWatch(ending)])
        begun = False
        try:
            async with aclosing(self._outputs(prompt, config)) as outputs:
                async for output in outputs:
                    if hears_itself and not isinstance(output, str):
                        ending.hear(output)
                    text = transcript.text_of(output)
                    if not streams:
                        whole += text
                    elif text:
                        yield LLMChunk(text)
                        begun = True
            transcript.check(output)
            yield ending.last_chunk(text=whole, model=self._name, needs_reason=self._needs_finish_reason)
        except LLMError:
            raise
        except Exception as error:  # a Runnable is anybody's code: whatever it raises, a typed error goes up
            raise as_llm_error(error, begun=begun, secret=self._secret) from error

    def _outputs(self, prompt: Prompt, config: RunnableConfig) -> AsyncGenerator[Any]:
        if self._mode == "whole":
            return self._one_output(self._to_input(prompt), config)
        if self._direct is not None and not is_heard(self._direct):
            return direct_stream(self._direct, prompt)
        options = {"stream_mode": "messages"} if is_graph(self._runnable) else {}
        outputs = self._runnable.astream(self._to_input(prompt), config, **options)
        return cast("AsyncGenerator[Any]", outputs)  # always one, though typed as an iterator

    async def _one_output(self, given: Any, config: RunnableConfig) -> AsyncGenerator[Any]:
        yield await self._runnable.ainvoke(given, config)
