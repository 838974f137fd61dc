"""`imcore doctor`: what is configured, whether it answers, and how to mend what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, aclosing

from entrypoints.container import CliContainer
from entrypoints.explanation import explained
from entrypoints.operations import prepare_store
from entrypoints.settings import Settings, WrongSettingsError, load_settings
from imcore.errors import IMError
from imcore.prompt import PromptMessage, Role

SETTINGS = {"database": "IM_DATABASE_URL", "queue": "IM_REDIS_URL", "push": "IM_REDIS_URL"}
"""Which setting leads to a part."""

Check = Callable[[CliContainer], Awaitable[str]]


def examine() -> bool:
    """Print a line a part; True if all is well."""
    try:
        settings = load_settings()
    except WrongSettingsError as error:
        for line in error.detail.splitlines():
            _say(False, "settings", line)
        return False
    _say(
        True,
        "settings",
        "embedded: replies are written by `imcore serve`" if settings.embedded else "distributed: `imcore serve` and `imcore worker`",
    )
    return asyncio.run(_examine(settings))


async def _examine(settings: Settings) -> bool:
    checks: dict[str, Check] = {"tokens": _tokens, "database": _database, "model": _model}
    if not settings.embedded:
        checks |= {"queue": _queue, "push": _push}
    if settings.store_url.startswith("sqlite"):
        await prepare_store(settings)
    parts = CliContainer(settings=settings)
    async with AsyncExitStack() as stack:
        for part in (parts.store(), parts.notifier(), parts.queue()):
            stack.push_async_callback(part.close)
        return all([await _passes(name, check, parts) for name, check in checks.items()])


async def _passes(name: str, check: Check, parts: CliContainer) -> bool:
    try:
        _say(True, name, await check(parts))
    except IMError as error:
        _say(False, name, f"{SETTINGS[name]}: {explained(error)}" if name in SETTINGS else error.detail)
        return False
    return True


async def _tokens(parts: CliContainer) -> str:
    settings = parts.settings()
    if settings.jwt_jwks_url:
        return f"verified by the keys of {settings.jwt_jwks_url}"
    await parts.tokens().verify(parts.tokens().issue("doctor", 60))
    return "signed with IM_JWT_SECRET" if settings.jwt_secret else f"signed with the secret in {settings.data_dir}"


async def _database(parts: CliContainer) -> str:
    await parts.store().ping()
    return "answers, its schema is the one this code needs"


async def _model(parts: CliContainer) -> str:
    text = ""
    async with aclosing(parts.llm().stream([PromptMessage(Role.USER, "Answer with one word: ready")])) as chunks:
        async for chunk in chunks:
            text += chunk.text
    return f"answers: {' '.join(text.split())[:60]!r}"


async def _queue(parts: CliContainer) -> str:
    await parts.queue().ping()
    return f"answers, {await parts.queue().length()} hints wait"


async def _push(parts: CliContainer) -> str:
    await parts.notifier().start()
    await parts.notifier().ping()
    return "answers"


def _say(is_well: bool, part: str, line: str) -> None:
    print(f"{'ok  ' if is_well else 'FAIL'} {part:<9} {line}")
