"""The stand-in model, in a process of its own: its CPU is not the servers'."""

from __future__ import annotations

import sys
import urllib.request
from pathlib import Path

from loadtest.running.load import Model
from tests.servers.server import Binary, Server


class ModelProcess(Server):
    """`python -m MODULE --port PORT …`, which answers as an OpenAI-compatible model does."""

    def __init__(self, module: str, *arguments: str) -> None:
        super().__init__()
        self._module = module
        self._arguments = arguments

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

    def _prepare(self) -> None:
        """It needs nothing."""

    def _command(self) -> list[str | Path]:
        return [self.binary.path, "-m", self._module, "--port", str(self.port), *self._arguments]


class StandInModel(ModelProcess):
    """`python -m loadtest.model`."""

    def __init__(self, asked: Model) -> None:
        pace = ("--first-token-s", asked.first_token_s, "--tokens-per-s", asked.tokens_per_s, "--tokens", asked.tokens)
        super().__init__("loadtest.model", "--seed", str(asked.model_seed), *pace, "--faults", asked.faults)
