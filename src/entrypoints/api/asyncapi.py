"""The AsyncAPI 3.0 document of the WebSocket, made from the shapes of its frames."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from adapters.websocket import close_codes
from entrypoints.api.frame_schemas import FROM_CLIENT, FROM_SERVER, frame_type

_CHANNEL = "user"


def asyncapi_document() -> dict[str, Any]:
    _, schemas = models_json_schema(
        [(frame, "validation") for frame in FROM_CLIENT + FROM_SERVER], ref_template="#/components/schemas/{model}"
    )
    frames = FROM_CLIENT + FROM_SERVER
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "imcore", "version": "1", "description": _description()},
        "defaultContentType": "application/json",
        "channels": {
            _CHANNEL: {
                "address": "/ws/{user_id}",
                "description": "All events of all sessions of one user, on every connection.",
                "parameters": {"user_id": {"description": "The `sub` of the token."}},
                "messages": {frame.__name__: {"$ref": f"#/components/messages/{frame.__name__}"} for frame in frames},
            }
        },
        "operations": {
            "fromClient": _operation("receive", FROM_CLIENT),
            "fromServer": _operation("send", FROM_SERVER),
        },
        "components": {"messages": {frame.__name__: _message(frame) for frame in frames}, "schemas": schemas["$defs"]},
    }


def _operation(action: str, frames: tuple[type[BaseModel], ...]) -> dict[str, Any]:
    """`action` is the server's."""
    channel = f"#/channels/{_CHANNEL}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{frame.__name__}"} for frame in frames],
    }


def _message(frame: type[BaseModel]) -> dict[str, Any]:
    return {
        "name": frame_type(frame),
        "title": frame_type(frame),
        "summary": frame.__doc__ or frame_type(frame),
        "payload": {"$ref": f"#/components/schemas/{frame.__name__}"},
    }


def _description() -> str:
    codes = "\n".join(f"- `{code.code}` {code.name}: {code.reason}" for code in close_codes.ALL)
    return (
        "One JSON object a text frame, `type` first. The token goes into `Sec-WebSocket-Protocol: bearer, <JWT>` (browsers), an "
        "`Authorization` header, or `?token=`; a bad one is refused in the handshake with HTTP 401 or 403."
        f"\n\nClose codes:\n\n{codes}\n"
    )
