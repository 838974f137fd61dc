"""The documents that describe the interface, and a page to read them."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.responses import Response

from adapters.websocket.render import JsonObject
from entrypoints.api.assets import DOCS_POLICY, Assets
from entrypoints.api.asyncapi import asyncapi_document

router = APIRouter(include_in_schema=False)

_page = Assets("docs.html", policy=DOCS_POLICY)


@router.get("/openapi.json")
async def openapi(request: Request) -> JsonObject:
    document: JsonObject = request.app.openapi()
    return document


@router.get("/asyncapi.json")
async def asyncapi() -> JsonObject:
    return asyncapi_document()


@router.get("/docs")
async def docs(request: Request) -> Response:
    return _page.response("docs.html", request.headers)
