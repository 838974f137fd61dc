"""The way past FastAPI for what is called most: the send and the socket.

FastAPI and Starlette put eleven calls around an endpoint, more CPU than the send itself needs, and as many frames that stay on the stack of
every open socket. The hot paths keep the layers that are ours.
"""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Match, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send


class Application(FastAPI):
    """FastAPI, but for hot paths: calls by method and path, and one socket."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]  # FastAPI's own
        self._calls: dict[tuple[str, str], tuple[Route, ASGIApp]] = {}
        self._socket: tuple[WebSocketRoute, ASGIApp] | None = None

    def add_hot_call(self, route: Route, endpoint: ASGIApp) -> None:
        """Requests with a method of `route` and exactly its path go to `endpoint`. The documents tell of it like of any other route."""
        self.router.routes.append(route)
        self._calls |= {(method, route.path): (route, endpoint) for method in route.methods or ()}

    def add_hot_socket(self, route: WebSocketRoute, endpoint: ASGIApp) -> None:
        """WebSockets that `route` matches go to `endpoint`."""
        self.router.routes.append(route)
        self._socket = route, endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._hot(scope)
        if endpoint is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await endpoint(scope, receive, send)

    def _hot(self, scope: Scope) -> ASGIApp | None:
        if scope["type"] == "http":
            route, endpoint = self._calls.get((scope["method"], scope["path"]), (None, None))
            scope["route"] = route
            return endpoint
        if scope["type"] == "websocket" and self._socket is not None:
            socket, endpoint = self._socket
            match, found = socket.matches(scope)
            if match is Match.FULL:
                scope.update(found)
                return endpoint
        return None
