"""What the stand-in model says: a text that anybody who knows the seed and the question can derive and check.

The first word names the call and the number of words: `#2/40` is what the second call with this question gets, 40 words long. The others
are drawn by a hash of seed, question and call. So a text that was cut, mixed of two calls, or made for another question shows.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable

# 256 words, one a byte. Some lie outside ASCII and outside the Basic Multilingual Plane, for offsets count code points.
_BEGINNINGS = ["ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "té", "咖"]
_ENDINGS = ["bel", "cor", "dim", "fan", "gus", "hil", "jor", "kem", "lup", "mot", "nar", "pix", "rus", "sol", "tüv", "𠮷"]
WORDS = tuple(f"{beginning}{ending}" for beginning in _BEGINNINGS for ending in _ENDINGS)

_HEAD = re.compile(r"#([1-9]\d{0,8})/([1-9]\d{0,5})")
_DIGITS_OF_HEAD = re.compile(r"#?[0-9]*/?[0-9]*")


def word_numbers(question: str, *, seed: int, call: int, words: int) -> bytes:
    """The places in `WORDS` of all words after the first."""
    return hashlib.shake_128(f"{seed}\0{call}\0{question}".encode()).digest(words - 1) if words > 1 else b""


def head(call: int, words: int) -> str:
    """The first word."""
    return f"#{call}/{words}"


def reply_to(question: str, seed: int, *, call: int = 1, words: int = 40) -> str:
    """The whole text that the `call`th call with this question gets, `words` (1 or more) long."""
    numbers = word_numbers(question, seed=seed, call=call, words=words)
    return " ".join([head(call, words), *(WORDS[number] for number in numbers)])


def answers(text: str, question: str, seed: int) -> bool:
    """Whether `text` is a whole reply to the question, by whichever call."""
    found = _HEAD.match(text)
    return found is not None and text == reply_to(question, seed, call=int(found[1]), words=int(found[2]))


def begins_to_answer(text: str, question: str, seed: int) -> bool:
    """Whether `text` is the beginning of a reply to the question, as one that was broken off; nothing at all is one."""
    first, space, _ = text.partition(" ")
    if not space:
        return _DIGITS_OF_HEAD.fullmatch(text) is not None
    found = _HEAD.fullmatch(first)
    return found is not None and reply_to(question, seed, call=int(found[1]), words=int(found[2])).startswith(text)


def answers_one_of(text: str, questions: Iterable[str], seed: int) -> bool:
    """Whether `text` is a whole reply to one of the questions."""
    return any(answers(text, question, seed) for question in questions)
