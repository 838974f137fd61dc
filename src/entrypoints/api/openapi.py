"""The OpenAPI document: what FastAPI finds out by itself, and the shape of a problem."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from entrypoints.api.schemas import Problem

DESCRIPTION = """
A lightweight instant-messaging service in which an AI answers.

Send a message; once it is committed the AI's reply is written, token by token. Read it as server-sent events, over the WebSocket
`/ws/{user_id}` (described in [/asyncapi.json](/asyncapi.json)), or whole from the history.

Every error is `application/problem+json` (RFC 9457) with a stable `code` and a `request_id`.
"""


def describe(app: FastAPI) -> None:
    """Give `app` its document; made at the first request for it."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend the document


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(title=app.title, version=app.version, description=DESCRIPTION, routes=app.routes)
    schemas = document["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema()
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    for path in document["paths"].values():
        for call in path.values():
            _drop_undeclared_422(call["responses"])
    return document


def _drop_undeclared_422(responses: dict[str, Any]) -> None:
    """FastAPI adds its own to every call with a parameter; ours are problems, and where none is declared none can come."""
    if "application/json" in responses.get("422", {}).get("content", {}):
        del responses["422"]
