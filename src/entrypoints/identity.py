"""Who somebody is: JSON Web Tokens, `sub` is the user id."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

import jwt

from entrypoints.public_keys import PublicKeys
from entrypoints.settings import Settings
from imcore.errors import InvalidUserIdError, UnauthenticatedError
from imcore.ids import check_user_id
from imcore.value import value

DEFAULT_TTL_S = 24 * 3600

TRUST_S = 60.0
"""A signature costs 50 to 100 µs to check; a provider's key that is withdrawn counts no longer after this time."""

MAX_VERIFIED = 50_000


@value
class Identity:
    """`expires_at` in Unix seconds."""

    user_id: str
    expires_at: float


class Tokens:
    """Verifies tokens, by a shared secret or by the public keys of an identity provider; issues them where it has the secret."""

    def __init__(
        self,
        *,
        secret: str | None = None,
        jwks_url: str | None = None,
        algorithms: tuple[str, ...] = (),
        audience: str | None = None,
        issuer: str | None = None,
    ) -> None:
        self._secret = secret
        self._keys = PublicKeys(jwks_url) if jwks_url else None
        self._algorithms = list(algorithms or (("RS256", "ES256", "EdDSA") if jwks_url else ("HS256",)))
        self._audience = audience
        self._issuer = issuer
        self._verified: dict[bytes, tuple[Identity, float]] = {}

    async def verify(self, token: str) -> Identity:
        """Whose token this is. One that was found genuine is taken for genuine for `TRUST_S` more seconds, until it expires.

        Raises:
            UnauthenticatedError: malformed, wrongly signed, expired, or for somebody else.
            InvalidUserIdError: genuine, but its `sub` is no user id of ours.
            IdentityProviderUnavailableError: nobody can tell, for the provider's keys cannot be fetched.
        """
        key = hashlib.sha256(token.encode()).digest()
        identity, until = self._verified.get(key, (None, 0.0))
        if identity is None or time.time() >= until:
            identity = await self._verify(token)
            if len(self._verified) >= MAX_VERIFIED:
                self._verified.clear()
            self._verified[key] = identity, min(identity.expires_at, time.time() + TRUST_S)
        return identity

    async def _verify(self, token: str) -> Identity:
        try:
            key = self._secret or await self._public_key(token)
            claims = jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                options={"require": ["exp", "sub"], "verify_aud": self._audience is not None},
            )
        except jwt.ExpiredSignatureError:
            raise UnauthenticatedError("The token has expired; get a new one.") from None
        except jwt.exceptions.InvalidSubjectError:
            raise InvalidUserIdError("The token's `sub` must be a string.") from None
        except jwt.PyJWTError as error:
            raise UnauthenticatedError(f"The token is not valid: {error}") from None
        return Identity(check_user_id(claims["sub"]), float(claims["exp"]))

    def issue(self, user_id: str, ttl_s: float = DEFAULT_TTL_S) -> str:
        """A token for `user_id`, valid for `ttl_s` seconds."""
        if self._secret is None:
            raise UnauthenticatedError("Tokens come from your identity provider (IM_JWT_JWKS_URL is set); imcore has no key to sign with.")
        now = int(time.time())
        claims: dict[str, object] = {"sub": check_user_id(user_id), "iat": now, "exp": now + int(ttl_s)}
        claims |= {name: value for name, value in (("aud", self._audience), ("iss", self._issuer)) if value}
        return jwt.encode(claims, self._secret, algorithm=self._algorithms[0])

    async def _public_key(self, token: str) -> jwt.PyJWK:
        assert self._keys is not None  # noqa: S101  # the settings ask for a secret or for keys
        return await self._keys.key_of(token)


def build_tokens(settings: Settings) -> Tokens:
    """The secret of the settings; in embedded mode one that is made once and kept in the data directory."""
    secret = settings.jwt_secret
    if secret is None and settings.jwt_jwks_url is None:
        secret = _kept_secret(settings.data_dir)
    return Tokens(
        secret=secret,
        jwks_url=settings.jwt_jwks_url,
        algorithms=settings.jwt_algorithms,
        audience=settings.jwt_audience,
        issuer=settings.jwt_issuer,
    )


def _kept_secret(data_dir: Path) -> str:
    path, draft = data_dir / "jwt-secret", data_dir / f".jwt-secret-{os.getpid()}"
    data_dir.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32))
        with suppress(FileExistsError):  # another process was quicker: its secret counts
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_text().strip()
