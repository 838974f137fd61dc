"""The public keys of an identity provider (a JSON Web Key Set), fetched over HTTP when they are needed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jwt

from imcore.errors import IdentityProviderUnavailableError, UnauthenticatedError

log = logging.getLogger(__name__)

KEYS_TTL_S = 300.0
FETCH_S = 5.0
PAUSE_S = 5.0


class PublicKeys:
    """Keys count for `KEYS_TTL_S`: one that the provider takes back is refused after that.

    One fetch at a time, in a thread of its own, then none for `PAUSE_S`, whatever came of it: neither tokens with made-up key ids nor a
    provider that hangs keep those waiting whose key is known.
    """

    def __init__(self, url: str, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._client = jwt.PyJWKClient(url, cache_keys=False, cache_jwk_set=False, timeout=FETCH_S)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="jwks")
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_until = self._paused_until = monotonic()
        self._is_away = False
        self._fetching: asyncio.Task[None] | None = None

    async def key_of(self, token: str) -> jwt.PyJWK:
        """The key that `token` says it is signed with.

        Raises:
            UnauthenticatedError: it names none, or one that the provider does not have.
            IdentityProviderUnavailableError: the key is not known here and the provider does not answer.
            jwt.PyJWTError: it is no token.
        """
        key_id = jwt.get_unverified_header(token).get("kid")
        if key_id is None:
            raise UnauthenticatedError("The token is not valid: its header names no key (`kid`).")
        key = self._known(key_id)
        if key is None and self._monotonic() >= self._paused_until:
            await self._fetched()
            key = self._known(key_id)
        if key is not None:
            return key
        if self._is_away:
            raise IdentityProviderUnavailableError("The identity provider's keys cannot be had right now; send the request again later.")
        raise UnauthenticatedError("The token is not valid: the identity provider has no such key.")

    def _known(self, key_id: str) -> jwt.PyJWK | None:
        return self._keys.get(key_id) if self._monotonic() < self._keys_until else None

    async def _fetched(self) -> None:
        """All who wait share one fetch; it goes on when one of them gives up."""
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._fetch(), name="fetch public keys")
        await asyncio.shield(self._fetching)

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(FETCH_S):
                keys = await asyncio.get_running_loop().run_in_executor(self._thread, self._client.get_signing_keys)
        except (jwt.PyJWTError, OSError, ValueError) as error:  # not there, too slow, or what it says is no key set
            self._is_away = True
            log.warning("the identity provider's keys cannot be fetched", extra={"detail": repr(error)})
        else:
            self._is_away = False
            self._keys = {key.key_id: key for key in keys if key.key_id is not None}
            self._keys_until = self._monotonic() + KEYS_TTL_S
        finally:
            self._paused_until = self._monotonic() + PAUSE_S
            self._fetching = None
