"""Frames become as few pieces as possible, and lose nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from adapters.llm.completion_frames import CompletionFrames, ErrorFrameError, Piece


def frame(text: object, **more: object) -> bytes:
    return json.dumps({"choices": [{"delta": {"content": text} | more, "finish_reason": None}]}).encode()


def converted(other: dict[str, Any]) -> ChatGenerationChunk:
    """A stand-in for ChatOpenAI's own conversion; it shows what it was given."""
    return ChatGenerationChunk(message=AIMessageChunk(f"<{other['choices'][0]['delta']}>"))


def text_of(piece: Piece) -> str:
    return piece if isinstance(piece, str) else piece.text


def texts(*events: bytes) -> list[str]:
    return [text_of(piece) for piece in CompletionFrames(converted).pieces(events)]


def test_the_texts_of_one_read_are_one_piece() -> None:
    assert texts(frame("", role="assistant"), frame("a"), frame("b", refusal=None), frame("c", reasoning_content="hm")) == ["abc"]


@pytest.mark.parametrize("more", [{"tool_calls": [1]}, {"function_call": {"name": "look"}}, {"role": "user"}, {"id": "7"}])
def test_what_is_more_than_text_is_converted_as_chat_openai_does_in_its_place(more: dict[str, object]) -> None:
    first, other, last = texts(frame("a"), frame("b", **more), frame("c"))
    assert (first, last) == ("a", "c")
    assert next(iter(more)) in other


@pytest.mark.parametrize("event", [b"no JSON", b'{"error": {"message": "stopped"}}', b'"\xff"'])
def test_text_before_a_failure_is_told_before_it(event: bytes) -> None:
    pieces = CompletionFrames(converted).pieces([frame("a"), event, frame("b")])
    assert next(pieces) == "a"
    with pytest.raises((ErrorFrameError, ValueError)):
        next(pieces)


def test_after_done_nothing_counts() -> None:
    frames = CompletionFrames(converted)
    assert list(frames.pieces([frame("a"), b"[DONE]", frame("b")])) == ["a"]
    assert frames.done


def test_a_stream_of_empty_frames_is_one_empty_piece_and_one_without_frames_none() -> None:
    for events, count in (([frame(""), frame(None)], 1), ([b"[DONE]"], 0), ([frame("a")], 0)):
        frames = CompletionFrames(converted)
        list(frames.pieces(events))
        assert len(list(frames.last())) == count


@given(st.lists(st.lists(st.text(max_size=5), max_size=5), max_size=5))
def test_any_grouping_into_reads_gives_the_same_text(reads: list[list[str]]) -> None:
    frames = CompletionFrames(converted)
    told = [text_of(piece) for read in reads for piece in frames.pieces([frame(text) for text in read])]
    assert "".join(told) == "".join(text for read in reads for text in read)
    assert len(told) <= len(reads)
