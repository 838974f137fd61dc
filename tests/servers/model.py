"""The stand-in for an OpenAI-compatible model, in a process of its own."""

from __future__ import annotations

import json
import urllib.request
from typing import TypedDict

from loadtest.running.stand_in import ModelProcess


class ModelCall(TypedDict):
    """Times in Unix seconds; `closed_at` is when the caller left before the end."""

    text: str
    called_at: float
    closed_at: float | None


class ModelServer(ModelProcess):
    """`tests.stand_ins.openai_server`: 20 words after the echo, about 16 a second."""

    def __init__(self) -> None:
        super().__init__("tests.stand_ins.openai_server", "--tokens", "20", "--tokens-per-s", "16")

    def calls(self) -> list[ModelCall]:
        """All calls so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stand-in/calls", timeout=5) as answer:
            calls: list[ModelCall] = json.load(answer)["calls"]
            return calls
