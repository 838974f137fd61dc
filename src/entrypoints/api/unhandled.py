"""The last net: a defect is logged with its traceback and answered with a 500 that says nothing about the inside."""

from __future__ import annotations

import logging

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from entrypoints.api.problem import error_response

log = logging.getLogger(__name__)


class UnhandledErrors:
    """ASGI middleware. Inside of the one that counts requests, so that a 500 is counted and has its request id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except ClientDisconnect:
            log.debug("the client left before its request was whole")
        except Exception as error:
            log.exception("defect in a request")
            if has_begun:
                raise
            await error_response(error, scope)(scope, receive, send)
