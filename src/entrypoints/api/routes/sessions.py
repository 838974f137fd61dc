"""The user's conversations."""

from __future__ import annotations

from fastapi import APIRouter

from adapters.websocket.render import JsonObject, session_json
from entrypoints.api import schemas
from entrypoints.api.authentication import CurrentUser, TheServices
from entrypoints.api.problem_docs import problems

router = APIRouter(tags=["sessions"])


@router.get("/api/session/list", response_model=schemas.SessionList, responses=problems())
async def list_sessions(user_id: CurrentUser, services: TheServices) -> JsonObject:
    """Your sessions, the one written to last first, at most 200."""
    return {"items": [session_json(session) for session in await services.read_history.sessions(user_id)]}
