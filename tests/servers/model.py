"""The stand-in for an OpenAI-compatible model, in a process of its own."""

from __future__ import annotations

import json
import sys
import urllib.request
from pathlib import Path
from typing import TypedDict

from tests.servers.server import Binary, Server


class ModelCall(TypedDict):
    """Times in Unix seconds; `closed_at` is when the caller left before the end."""

    text: str
    called_at: float
    closed_at: float | None


class ModelServer(Server):
    """`tests.stand_ins.openai_server`: 20 words after the echo, about 16 a second."""

    @classmethod
    def find_binary(cls) -> Binary:
        return Binary(Path(sys.executable), "checkout")

    @classmethod
    def identify(cls, url: str) -> tuple[str, str]:
        try:
            with urllib.request.urlopen(f"{url}/models", timeout=5):  # noqa: S310  (our own http URL)
                return "stand-in", "checkout"
        except OSError as error:
            raise ConnectionError(str(error)) from error

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def calls(self) -> list[ModelCall]:
        """All calls so far."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/stand-in/calls", timeout=5) as answer:
            calls: list[ModelCall] = json.load(answer)["calls"]
            return calls

    def _prepare(self) -> None:
        """It needs nothing."""

    def _command(self) -> list[str | Path]:
        pace = ["--tokens", "20", "--tokens-per-s", "16"]
        return [self.binary.path, "-m", "tests.stand_ins.openai_server", "--port", str(self.port), *pace]
