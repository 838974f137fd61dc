"""The chat page."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from entrypoints.api.assets import Assets

router = APIRouter(include_in_schema=False)

_assets = Assets(
    "chat.html",
    "chat.css",
    "chat.js",
    "account.js",
    "lines.js",
    "icon.svg",
    "docs.js",
    "swagger-ui/swagger-ui-bundle.js",
    "swagger-ui/swagger-ui.css",
)


@router.get("/")
async def page(request: Request) -> Response:
    return _assets.response("chat.html", request.headers)


@router.get("/assets/{name:path}")
async def asset(request: Request, name: str) -> Response:
    return _assets.response(name, request.headers)
