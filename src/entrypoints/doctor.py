"""`imcore doctor`: what is configured, whether it answers, and how to mend what does not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from entrypoints.container import CliContainer, build_llm
from entrypoints.settings import Settings, WrongSettingsError, load_settings
from imcore.errors import IMError
from imcore.prompt import PromptMessage, Role

Check = Callable[[Settings], Awaitable[str]]


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
    return all([await _passes(name, check, settings) for name, check in checks.items()])


async def _passes(name: str, check: Check, settings: Settings) -> bool:
    try:
        _say(True, name, await check(settings))
    except IMError as error:
        _say(False, name, error.detail)
        return False
    return True


async def _tokens(settings: Settings) -> str:
    if settings.jwt_jwks_url:
        return f"verified by the keys of {settings.jwt_jwks_url}"
    token = CliContainer(settings=settings).tokens().issue("doctor", 60)
    await CliContainer(settings=settings).tokens().verify(token)
    return "signed with IM_JWT_SECRET" if settings.jwt_secret else f"signed with the secret in {settings.data_dir}"


async def _database(settings: Settings) -> str:
    async with CliContainer(settings=settings).open_store() as store:
        await store.ping()
    return "answers, schema is up to date"


async def _model(settings: Settings) -> str:
    llm = build_llm(settings)
    text = ""
    async for chunk in llm.stream([PromptMessage(Role.USER, "Answer with one word: ready")]):
        text += chunk.text
    return f"answers: {' '.join(text.split())[:60]!r}"


async def _queue(settings: Settings) -> str:
    async with CliContainer(settings=settings).open_queue() as queue:
        await queue.ping()
        return f"answers, {await queue.length()} hints wait"


async def _push(settings: Settings) -> str:
    async with CliContainer(settings=settings).open_notifier() as notifier:
        await notifier.ping()
    return "answers"


def _say(is_well: bool, part: str, line: str) -> None:
    print(f"{'ok  ' if is_well else 'FAIL'} {part:<9} {line}")
