"""The frames of a streamed chat completion, those of one read merged into one piece of text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import orjson
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk


class ErrorFrameError(Exception):
    """The server has sent an error in place of a frame; `error` is what it sent."""

    def __init__(self, error: object) -> None:
        said = error.get("message") if isinstance(error, Mapping) else None
        super().__init__(said if isinstance(said, str) and said else "An error occurred during streaming")  # the SDK's words
        self.error = error


Piece = str | ChatGenerationChunk
"""A text alone, or LangChain's chunk of a frame that says more."""


class CompletionFrames:
    """The pieces of one reply, out of its frames. Those with more than text in them are left to `convert`, one by one."""

    def __init__(self, convert: Callable[[dict[str, Any]], ChatGenerationChunk | None]) -> None:
        self._convert = convert
        self._has_frames = False
        self._has_pieces = False
        self.has_text = False
        self.done = False

    def pieces(self, events: Iterable[bytes]) -> Iterator[Piece]:
        """What the events of one read say, the text of frames that follow each other in one piece.

        Raises:
            ErrorFrameError: one of them is an error; what came before it is given first.
            ValueError: one of them is no JSON; the same.
        """
        texts: list[str] = []
        failure: Exception | None = None
        try:
            for event in events:
                if event.startswith(b"[DONE]"):
                    self.done = True
                    break
                frame = _frame(event)
                self._has_frames = True
                text = _plain_text(frame)
                if text is not None:
                    texts.append(text)
                    continue
                yield from self._merged(texts)
                texts = []
                chunk = self._convert(frame)
                if chunk is not None:
                    self._has_pieces = True
                    yield chunk
        except (ErrorFrameError, ValueError) as error:  # raised below, after the text before it
            failure = error
        yield from self._merged(texts)
        if failure is not None:
            raise failure

    def last(self) -> Iterator[Piece]:
        """Call it at the end: an empty text, if frames came without giving anything."""
        if self._has_frames and not self._has_pieces:
            yield ""

    def _merged(self, texts: list[str]) -> Iterator[Piece]:
        if text := "".join(texts):
            self.has_text = self._has_pieces = True
            yield text


def text_chunk(text: str) -> ChatGenerationChunk:
    """As ChatOpenAI would make it."""
    return ChatGenerationChunk(message=AIMessageChunk(content=text, response_metadata={"model_provider": "openai"}))


def _frame(event: bytes) -> Any:
    try:
        frame = orjson.loads(event)
    except orjson.JSONDecodeError:
        frame = json.loads(event.decode())  # it takes NaN, and its words are those of the SDK
    if isinstance(frame, dict) and frame.get("error"):
        raise ErrorFrameError(frame["error"])
    return frame


def _plain_text(frame: Any) -> str | None:
    """The text of a frame that holds nothing else, as far as ChatOpenAI would look; None for any other frame."""
    try:
        (choice,) = frame["choices"]
        delta = choice["delta"]
        text = delta.get("content") or ""
        role = delta.get("role") or "assistant"
        has_more = (
            choice.get("finish_reason")
            or choice.get("logprobs")
            or frame.get("usage")
            or (len(delta) > 1 and (delta.get("tool_calls") or delta.get("function_call") or delta.get("id")))
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        return None
    return None if has_more or role != "assistant" or not isinstance(text, str) else text
