"""For the operator: is it alive, can it work, what does it count."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request
from starlette.responses import Response

from adapters.websocket.problem_object import problem_json
from entrypoints.api import schemas
from entrypoints.api.authentication import TheServices
from entrypoints.api.problem import problem_response, request_id_of
from entrypoints.api.problem_docs import public_problems
from entrypoints.api.services import Services
from imcore.errors import IMError

log = logging.getLogger(__name__)

router = APIRouter(tags=["operations"])

PING_S = 2.0


@router.get("/health/live", response_model=schemas.Health)
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


@router.get("/health/ready", response_model=schemas.Health, responses=public_problems(503, codes={503: ("not_ready",)}))
async def ready(request: Request, services: TheServices) -> dict[str, str] | Response:
    """Everything it needs answers. If not, `failing` names the parts; what is wrong with them is in the log, for anybody may ask here."""
    pings = _pings(services)
    faults = await asyncio.gather(*(_fault(ping) for ping in pings.values()))
    failing = {part: fault for part, fault in zip(pings, faults, strict=True) if fault is not None}
    if not failing:
        return {"status": "ready"}
    log.warning("not ready", extra={"failing": failing})
    problem = problem_json(503, "not_ready", f"No good answer from: {', '.join(failing)}.", request_id_of(request.scope))
    return problem_response(503, problem | {"failing": list(failing)}, {"Retry-After": "2"})


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}, "description": "For Prometheus."}})
async def metrics(services: TheServices) -> Response:
    """What is counted."""
    rendered = await asyncio.to_thread(services.metrics.render)  # with several processes it reads files
    return Response(rendered, headers={"Content-Type": services.metrics.content_type})


def _pings(services: Services) -> dict[str, Callable[[], Awaitable[None]]]:
    """In embedded mode queue and notifier are this process itself."""
    store: dict[str, Callable[[], Awaitable[None]]] = {"store": services.store.ping}
    return store if services.settings.embedded else store | {"queue": services.queue.ping, "notifier": services.notifier.ping}


async def _fault(ping: Callable[[], Awaitable[None]]) -> str | None:
    try:
        async with asyncio.timeout(PING_S):
            await ping()
    except IMError as error:
        return error.detail
    except TimeoutError:
        return f"no answer within {PING_S:g} s"
    return None
