"""Errors for the operator: with the reason that a user of the API is not told."""

from __future__ import annotations

from imcore.errors import IMError


def explained(error: IMError) -> str:
    """The error and, in one line, what the driver said of its cause."""
    cause = error.__cause__
    if cause is None:
        return error.detail
    reason = " ".join(str(getattr(cause, "orig", None) or cause).split())
    return error.detail if reason in error.detail else f"{error.detail} {reason[:300]}"
