"""Tokens for guests, so that the chat page works without an identity provider."""

from __future__ import annotations

import secrets

from fastapi import APIRouter, Request

from adapters.websocket.render import JsonObject
from entrypoints.api import schemas
from entrypoints.api.authentication import TheServices
from entrypoints.api.problem_docs import public_problems
from imcore.errors import NotFoundError

router = APIRouter(tags=["guests"])

GUEST_TTL_S = 30 * 24 * 3600


@router.post("/api/auth/guest", response_model=schemas.Guest, responses=public_problems(404, 429, 500))
async def be_a_guest(request: Request, services: TheServices) -> JsonObject:
    """A token for a new user id, where `IM_GUEST_ACCESS` is on."""
    if not services.settings.guest_access:
        raise NotFoundError("Guest access is off here; use a token of your identity provider.")
    await services.rate_limit.hit("guest", request.client.host if request.client else "")
    user_id = f"guest-{secrets.token_hex(8)}"
    return {"token": services.tokens.issue(user_id, GUEST_TTL_S), "user_id": user_id}
