"""What the value of an option may be. Whatever else is written is refused with a line that says what there is."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable
from pathlib import Path

from loadtest.model.distribution import Distribution
from loadtest.model.faults import FaultRates
from loadtest.profiles import Profile, UnknownProfileError
from loadtest.profiles import profile as profile_named


def count(text: str) -> int:
    """A whole number, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number of at least 1")
    return int(text)


def above_0(text: str) -> float:
    """A number."""
    try:
        number = float(text)
    except ValueError:
        number = 0
    if not 0 < number < float("inf"):
        raise ArgumentTypeError(f"{text!r} is no number above 0")
    return number


def one_of(*names: str) -> Callable[[str], str]:
    """One of several words."""

    def word(text: str) -> str:
        if text not in names:
            raise ArgumentTypeError(f"{text!r} is none of {', '.join(names)}")
        return text

    return word


def understood(parse: Callable[[str], object]) -> Callable[[str], str]:
    """As it was written, once `parse` has understood it."""

    def as_written(text: str) -> str:
        try:
            parse(text)
        except ValueError as error:
            raise ArgumentTypeError(str(error)) from error
        return text

    return as_written


distribution = understood(Distribution.parse)
fault_rates = understood(FaultRates.parse)


def profile(name: str) -> Profile:
    """The profile of this name."""
    try:
        return profile_named(name)
    except UnknownProfileError as error:
        raise ArgumentTypeError(str(error)) from error


def folder(text: str) -> Path:
    """One that is there."""
    if not Path(text).is_dir():
        raise ArgumentTypeError(f"there is no folder {text}")
    return Path(text)


def setting(text: str) -> tuple[str, str]:
    """A setting of imcore, without its `IM_`, and its value."""
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise ArgumentTypeError(f"{text!r} is no NAME=VALUE, as in HISTORY_MESSAGES=5")
    return name, value
