"""Frames become as few chunks as possible, and lose nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk

from adapters.llm.completion_frames import CompletionFrames, ErrorFrameError


def frame(text: object, **more: object) -> bytes:
    return json.dumps({"choices": [{"delta": {"content": text} | more, "finish_reason": None}]}).encode()


def converted(other: dict[str, Any]) -> ChatGenerationChunk:
    """A stand-in for ChatOpenAI's own conversion; it shows what it was given."""
    return ChatGenerationChunk(message=AIMessageChunk(f"<{other['choices'][0]['delta']}>"))


def texts(*events: bytes) -> list[str]:
    return [chunk.text for chunk in CompletionFrames(converted).chunks(events)]


def test_the_texts_of_one_read_are_one_chunk() -> None:
    assert texts(frame("", role="assistant"), frame("a"), frame("b", refusal=None), frame("c", reasoning_content="hm")) == ["abc"]


@pytest.mark.parametrize("more", [{"tool_calls": [1]}, {"function_call": {"name": "look"}}, {"role": "user"}, {"id": "7"}])
def test_what_is_more_than_text_is_converted_as_chat_openai_does_in_its_place(more: dict[str, object]) -> None:
    first, other, last = texts(frame("a"), frame("b", **more), frame("c"))
    assert (first, last) == ("a", "c")
    assert next(iter(more)) in other


@pytest.mark.parametrize("event", [b"no JSON", b'{"error": {"message": "stopped"}}', b'"\xff"'])
def test_text_before_a_failure_is_told_before_it(event: bytes) -> None:
    chunks = CompletionFrames(converted).chunks([frame("a"), event, frame("b")])
    assert next(chunks).text == "a"
    with pytest.raises((ErrorFrameError, ValueError)):
        next(chunks)


def test_after_done_nothing_counts() -> None:
    frames = CompletionFrames(converted)
    assert [chunk.text for chunk in frames.chunks([frame("a"), b"[DONE]", frame("b")])] == ["a"]
    assert frames.done


def test_a_stream_of_empty_frames_is_one_empty_chunk_and_one_without_frames_none() -> None:
    for events, count in (([frame(""), frame(None)], 1), ([b"[DONE]"], 0), ([frame("a")], 0)):
        frames = CompletionFrames(converted)
        list(frames.chunks(events))
        assert len(list(frames.last())) == count


@given(st.lists(st.lists(st.text(max_size=5), max_size=5), max_size=5))
def test_any_grouping_into_reads_gives_the_same_text(reads: list[list[str]]) -> None:
    frames = CompletionFrames(converted)
    told = [chunk.text for read in reads for chunk in frames.chunks([frame(text) for text in read])]
    assert "".join(told) == "".join(text for read in reads for text in read)
    assert len(told) <= len(reads)
