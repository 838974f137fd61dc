"""The API of one process: every route, every layer around them, and what runs beside them while it serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import WebSocketRoute
from starlette.types import ASGIApp

from entrypoints.api.hot_paths import Application
from entrypoints.api.openapi import describe
from entrypoints.api.problem import add_error_handlers
from entrypoints.api.requests import RequestMiddleware
from entrypoints.api.routes import documents, guests, messages, operations, page, records, sessions
from entrypoints.api.routes.send import send_route
from entrypoints.api.services import ApiContainer, Services
from entrypoints.api.socket import SocketEndpoint
from entrypoints.api.socket_session import SocketTimes
from entrypoints.api.unhandled import UnhandledErrors


def create_app(container: ApiContainer, socket_times: SocketTimes | None = None) -> FastAPI:
    """The ASGI application; its lifespan opens and closes the container's parts.

    Whoever ends the server calls `hub.close_all(GOING_AWAY)` first: the server itself would close the sockets without saying why.
    """
    services = Services.of(container)
    app = Application(
        title="imcore",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        lifespan=lambda app: _lifespan(app, container, services),
    )
    app.state.services = services
    layers = _layers(services)
    for layer, options in reversed(layers):
        app.add_middleware(layer, **options)
    add_error_handlers(app)
    send, socket = send_route(services), WebSocketRoute("/ws/{user_id}", SocketEndpoint(services, socket_times))
    own_layers = [layer for layer in layers if layer[0] is not UnhandledErrors]  # the endpoints answer for their own defects
    app.add_hot_call(send, _layered(send.app, own_layers))
    app.add_hot_socket(socket, _layered(socket.app, own_layers))
    for routes in (messages, records, sessions, guests, operations, documents, page):
        app.include_router(routes.router)
    describe(app)
    return app


def _layers(services: Services) -> list[tuple[Any, dict[str, Any]]]:
    """Around every endpoint, the outermost first."""
    layers: list[tuple[Any, dict[str, Any]]] = [(RequestMiddleware, {"metrics": services.metrics}), (UnhandledErrors, {})]
    if services.settings.allowed_origins:
        cors = {
            "allow_origins": services.settings.allowed_origins,
            "allow_methods": ["GET", "POST"],
            "allow_headers": ["Authorization", "Content-Type", "Last-Event-ID", "X-Request-ID"],
            "expose_headers": [
                "X-Request-ID",
                "Retry-After",
                "RateLimit-Limit",
                "RateLimit-Remaining",
                "RateLimit-Reset",
                "RateLimit-Policy",
            ],
        }
        layers.insert(1, (CORSMiddleware, cors))
    return layers


def _layered(endpoint: ASGIApp, layers: Sequence[tuple[Any, dict[str, Any]]]) -> ASGIApp:
    for layer, options in reversed(layers):
        endpoint = layer(endpoint, **options)
    return endpoint


@asynccontextmanager
async def _lifespan(_: FastAPI, container: ApiContainer, services: Services) -> AsyncGenerator[None]:
    services.notifier.listen(on_event=services.hub.deliver, on_gap=services.gaps.note)
    async with container.lifecycle():
        beside = [
            asyncio.create_task(services.gaps.run(), name="catch up"),
            asyncio.create_task(services.queue_depth.run(), name="queue depth"),
        ]
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            await asyncio.wait(beside)
            await services.rate_limit.close()
