"""Texts of chat messages: log-normal lengths of about 200 characters, words that compress about as well as a language does."""

from __future__ import annotations

import random

_POOL_CHARS = 1_000_000
_VOCABULARY = 5_000
_MEAN_LOG_CHARS, _SIGMA_LOG_CHARS = 5.0, 0.8
_MAX_CHARS = 4_000


class WordPool:
    """One long text, of which each message is a piece: cutting is much cheaper than drawing words."""

    def __init__(self, seed: int) -> None:
        dice = random.Random(f"words:{seed}")  # noqa: S311  (the same words each time)
        words = ["".join(dice.choices("etaoinshrdlucmfwypvbgk", k=dice.randrange(2, 10))) for _ in range(_VOCABULARY)]
        rank = [1 / (1 + place) for place in range(_VOCABULARY)]  # a few words make up most of a language
        self._pool = " ".join(dice.choices(words, rank, k=_POOL_CHARS // 5))[:_POOL_CHARS]

    def text(self, dice: random.Random) -> str:
        """The next text that these dice give."""
        length = min(_MAX_CHARS, int(dice.lognormvariate(_MEAN_LOG_CHARS, _SIGMA_LOG_CHARS)) + 1)
        begin = int(dice.random() * (_POOL_CHARS - length))
        return self._pool[begin : begin + length].strip() or "yes"
