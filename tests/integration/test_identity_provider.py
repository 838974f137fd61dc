"""Tokens that an identity provider signs: its keys come and go, and it may be away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from entrypoints import public_keys
from entrypoints.identity import Tokens
from entrypoints.public_keys import KEYS_TTL_S, PAUSE_S, PublicKeys
from imcore.errors import IdentityProviderUnavailableError, UnauthenticatedError
from tests.fakes.api_container import MemoryContainer
from tests.fakes.api_server import ApiServer
from tests.fakes.identity_provider import IdentityProvider
from tests.polling import eventually


@pytest.fixture
async def provider() -> AsyncIterator[IdentityProvider]:
    async with IdentityProvider.running() as provider:
        provider.add_key("one")
        yield provider


@pytest.fixture
def tokens(provider: IdentityProvider) -> Tokens:
    return Tokens(jwks_url=provider.url)


async def test_the_keys_are_fetched_once_for_many_tokens(provider: IdentityProvider, tokens: Tokens) -> None:
    identities = await asyncio.gather(*(tokens.verify(provider.token("one")) for _ in range(20)))

    assert {identity.user_id for identity in identities} == {"ann"}
    assert provider.fetches == 1


async def test_a_key_that_the_provider_takes_back_is_refused_when_the_keys_are_fetched_anew(provider: IdentityProvider) -> None:
    now_s = 0.0
    keys = PublicKeys(provider.url, lambda: now_s)
    token = provider.token("one")
    await keys.key_of(token)
    provider.add_key("two")
    provider.remove_key("one")

    now_s += KEYS_TTL_S

    with pytest.raises(UnauthenticatedError):
        await keys.key_of(token)
    assert (await keys.key_of(provider.token("two"))).key_id == "two"


async def test_a_new_key_counts_as_soon_as_the_provider_may_be_asked_again(provider: IdentityProvider) -> None:
    now_s = 0.0
    keys = PublicKeys(provider.url, lambda: now_s)
    await keys.key_of(provider.token("one"))
    provider.add_key("two")

    now_s += PAUSE_S

    assert (await keys.key_of(provider.token("two"))).key_id == "two"


async def test_made_up_key_ids_do_not_make_the_provider_be_asked_again_and_again(provider: IdentityProvider, tokens: Tokens) -> None:
    await tokens.verify(provider.token("one"))

    for number in range(20):
        with pytest.raises(UnauthenticatedError):
            await tokens.verify(provider.token(f"made up {number}"))

    assert provider.fetches == 1


async def test_a_provider_that_hangs_keeps_nobody_waiting_whose_key_is_known(
    provider: IdentityProvider, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_keys, "PAUSE_S", 0.0)
    await tokens.verify(provider.token("one"))
    provider.answers.clear()
    junk = [asyncio.create_task(tokens.verify(provider.token(f"made up {number}"))) for number in range(100)]
    await eventually(lambda: provider.fetches == 2)

    assert (await tokens.verify(provider.token("one"))).user_id == "ann"
    await asyncio.to_thread(lambda: None)  # and the threads of all others are free
    assert not any(task.done() for task in junk)

    provider.answers.set()
    answers = await asyncio.gather(*junk, return_exceptions=True)
    assert {type(answer) for answer in answers} == {UnauthenticatedError}
    assert provider.fetches == 2


async def test_after_a_fetch_that_failed_nobody_waits_for_the_next(
    provider: IdentityProvider, tokens: Tokens, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public_keys, "FETCH_S", 0.05)
    monkeypatch.setattr(public_keys, "PAUSE_S", 60.0)
    provider.answers.clear()

    for _ in range(3):
        with pytest.raises(IdentityProviderUnavailableError):
            await tokens.verify(provider.token("one"))

    assert provider.fetches == 1


@pytest.mark.parametrize("body", [b"nonsense", b"[]", b'{"keys": []}'])
async def test_a_provider_whose_answer_is_no_key_set_is_away(provider: IdentityProvider, tokens: Tokens, body: bytes) -> None:
    provider.body = body

    with pytest.raises(IdentityProviderUnavailableError):
        await tokens.verify(provider.token("one"))


async def test_a_token_is_not_refused_but_answered_503_while_the_provider_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    async with IdentityProvider.running() as provider:
        provider.add_key("one")
    container = MemoryContainer()
    monkeypatch.setattr(container, "_tokens", Tokens(jwks_url=provider.url))
    headers = {"Authorization": f"Bearer {provider.token('one')}"}
    async with ApiServer.running(container) as api:
        answers = [await api.http.get("/api/session/list", headers=headers), await api.http.post("/api/message/send", headers=headers)]
        with pytest.raises(InvalidStatus) as refusal:
            await connect(api.ws_url(), additional_headers=headers, proxy=None)

    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (503, "identity_provider_unavailable")
        assert int(answer.headers["retry-after"]) > 0
    assert refusal.value.response.status_code == 503
