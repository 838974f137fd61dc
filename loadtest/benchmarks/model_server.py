"""The stand-in model behind HTTP: the one place that knows its command."""

from __future__ import annotations

from pathlib import Path

from loadtest.benchmarks.checkout import this_tree
from loadtest.benchmarks.servers import OurProcess


class ModelServer(OurProcess):
    """`tokens` a reply, `tokens_per_s` apart; its CPU is not the server's."""

    def __init__(self, *, first_token_s: float, tokens: int, tokens_per_s: float) -> None:
        super().__init__(this_tree().env())
        self._pace = {"first-token-s": first_token_s, "tokens": tokens, "tokens-per-s": tokens_per_s}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def _command(self) -> list[str | Path]:
        pace = [part for name, value in self._pace.items() for part in (f"--{name}", f"{value:g}")]
        return [self.binary.path, "-m", "loadtest.model", "--quiet", "--port", str(self.port), *pace]
