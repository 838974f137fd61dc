"""What one call of the stand-in model gets, decided before its first byte."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from random import Random

from loadtest.model.distribution import Distribution
from loadtest.model.faults import Fault, FaultRates
from loadtest.model.replies import WORDS, head, word_numbers

SLOWER_BY = 10
MAX_TOKENS = 100_000


@dataclass(frozen=True, slots=True)
class Plan:
    """`words` are the places in `WORDS` of all but the first word, which is `head`. A token is a word."""

    head: str
    words: bytes
    first_token_s: float
    tokens_per_s: float
    fault: Fault | None

    @property
    def tokens(self) -> int:
        return 1 + len(self.words)

    @property
    def cut_after(self) -> int:
        """How many tokens are sent."""
        return max(1, self.tokens // 2) if self.fault is Fault.CUT else self.tokens

    @property
    def seconds(self) -> float:
        """From the call to the last token."""
        return self.first_token_s + (self.tokens - 1) / self.tokens_per_s

    @property
    def text(self) -> str:
        """What is sent in all."""
        return " ".join([self.head, *(WORDS[number] for number in self.words[: self.cut_after - 1])])


@dataclass(slots=True)
class Planner:
    """Counts how often each question was asked; all else follows from the seed. `tokens_per_s` is 0 for as fast as it goes."""

    seed: int = 0
    first_token_s: Distribution = field(default_factory=lambda: Distribution("fixed", (0.0,)))
    tokens_per_s: Distribution = field(default_factory=lambda: Distribution("fixed", (0.0,)))
    tokens: Distribution = field(default_factory=lambda: Distribution("fixed", (40.0,)))
    faults: FaultRates = field(default_factory=FaultRates)
    _asked: Counter[bytes] = field(default_factory=Counter)

    def plan(self, question: str) -> Plan:
        """What the next call with this question gets."""
        key = hashlib.blake2b(question.encode(), digest_size=8).digest()
        self._asked[key] += 1
        call = self._asked[key]
        random = Random(f"{self.seed} {call} {question}")  # noqa: S311  (repeatable, not secret)
        fault = self.faults.draw(random)
        words = min(MAX_TOKENS, max(1, round(self.tokens.draw(random))))
        slower = SLOWER_BY if fault is Fault.SLOW else 1
        return Plan(
            head=head(call, words),
            words=word_numbers(question, seed=self.seed, call=call, words=words),
            first_token_s=self.first_token_s.draw(random) * slower,
            tokens_per_s=(self.tokens_per_s.draw(random) or float("inf")) / slower,
            fault=fault,
        )

    def forget(self) -> None:
        """Every question counts as never asked."""
        self._asked.clear()
