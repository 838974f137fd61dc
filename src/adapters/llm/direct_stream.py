"""A chat model's stream without LangChain's bookkeeping for callbacks, where there are none: it doubles what a token costs.

`BaseChatModel.astream` describes the call for tracers, offers each chunk to the handlers, keeps all of them and merges them at the end.
What it yields it takes from `_astream`, the method that a chat model is made of.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, TypeGuard, cast

from langchain_core.callbacks import AsyncCallbackManager
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.runnables import ensure_config

from adapters.llm.runnable_input import messages_of
from imcore.prompt import Prompt


def can_stream_directly(runnable: object) -> TypeGuard[BaseChatModel]:
    """Whether nothing but callbacks lies between the model's `astream` and its `_astream`."""
    return (
        isinstance(runnable, BaseChatModel)
        and type(runnable).astream is BaseChatModel.astream
        and inspect.isasyncgenfunction(type(runnable)._astream)  # noqa: SLF001  (what every model of this kind overrides)
        and type(runnable)._astream is not BaseChatModel._astream  # noqa: SLF001
        and not runnable._streaming_disabled()  # noqa: SLF001
        and runnable.rate_limiter is None
        and runnable.output_version in {None, "v0"}
    )


def is_heard(model: BaseChatModel) -> bool:
    """Whether a callback hears the model now: its own, one around the call, LangSmith, LangChain's verbose or debug mode."""
    return bool(AsyncCallbackManager.configure(ensure_config().get("callbacks"), model.callbacks, model.verbose).handlers)


async def direct_stream(model: BaseChatModel, prompt: Prompt) -> AsyncGenerator[str | BaseMessage]:
    """The pieces that `model.astream` gives for the prompt's messages, without an id; not the empty one that it may add at the end.

    A model may have a `stream_pieces(prompt)` beside its `_astream`, which gives strings in place of chunks that hold text alone.

    Raises:
        ValueError: there are none, as `astream` raises it; and whatever the model raises.
    """
    is_empty = True
    pieces: AsyncGenerator[str | ChatGenerationChunk] = _stream_of(model)(prompt)
    async with aclosing(pieces):
        async for piece in pieces:
            is_empty = False
            if isinstance(piece, str):
                yield piece
                continue
            if piece.generation_info:
                metadata: dict[str, Any] = piece.message.response_metadata
                piece.message.response_metadata = {**piece.generation_info, **metadata}
            yield piece.message
    if is_empty:
        raise ValueError("No generation chunks were returned")


def _stream_of(model: BaseChatModel) -> Callable[[Prompt], Any]:
    """`stream_pieces` stands for the `_astream` of its own class, not for one that a subclass has put in its place."""
    owner = next(kind for kind in type(model).__mro__ if "_astream" in vars(kind))
    if "stream_pieces" in vars(owner):
        stream: Callable[[Prompt], Any] = cast("Any", model).stream_pieces
        return stream
    return lambda prompt: model._astream(messages_of(prompt), stop=None)  # noqa: SLF001  (as `astream` calls it)
