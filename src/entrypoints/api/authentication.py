"""Who calls: the bearer token of a request, and what pages of which origin may open a socket."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from starlette.datastructures import Headers

from entrypoints.api.services import Services
from entrypoints.identity import Identity
from imcore.errors import ForbiddenError, UnauthenticatedError

_documented = HTTPBearer(auto_error=False, bearerFormat="JWT", description="A JWT whose `sub` is the user id.")


async def authenticate(services: Services, headers: Mapping[str, str]) -> Identity:
    """Whose request this is.

    Raises:
        UnauthenticatedError, InvalidUserIdError: see `Tokens.verify`.
    """
    token = bearer_token(headers)
    if token is None:
        raise UnauthenticatedError("A token is needed: send the header `Authorization: Bearer <JWT>`.")
    return await services.tokens.verify(token)


def bearer_token(headers: Mapping[str, str]) -> str | None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def check_origin(headers: Headers, allowed: Collection[str]) -> None:
    """Refuse web pages of strangers. Who names no origin is no browser and has nothing to gain by naming a wrong one.

    The same host counts as the same origin, whatever the scheme: behind a TLS-terminating proxy we do not know the page's.
    """
    origin = headers.get("origin")
    if origin is None or "*" in allowed or origin in allowed or _is_page_of(origin, headers.get("host")):
        return
    raise ForbiddenError("Pages of this origin may not connect; IM_ALLOWED_ORIGINS names those that may.")


def _is_page_of(origin: str, host: str | None) -> bool:
    try:
        return urlsplit(origin).netloc == host
    except ValueError:  # `http://[`
        return False


def services_of(request: Request) -> Services:
    services: Services = request.app.state.services
    return services


async def _current_user(request: Request, _: Annotated[object, Depends(_documented)]) -> str:
    identity = await authenticate(services_of(request), request.headers)
    return identity.user_id


CurrentUser = Annotated[str, Depends(_current_user)]
"""The user id of the caller."""

TheServices = Annotated[Services, Depends(services_of)]
