"""The profiles: each file here with a `PROFILE` is one, under the file's name with hyphens."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from loadtest.profiles.profile import Profile

__all__ = ["Profile", "UnknownProfileError", "all_profiles", "profile"]


class UnknownProfileError(Exception):
    """No profile has this name; the text lists those that there are."""


def all_profiles() -> dict[str, Profile]:
    """By name."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    return {module.PROFILE.name: module.PROFILE for module in modules if hasattr(module, "PROFILE")}


def profile(name: str) -> Profile:
    """Raises `UnknownProfileError`."""
    known = all_profiles()
    if name not in known:
        raise UnknownProfileError(f"no profile {name!r}; there are {', '.join(known)}")
    return known[name]
