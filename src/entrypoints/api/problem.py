"""Every error answer: RFC 9457 `application/problem+json` with a stable `code` and the request's id."""

from __future__ import annotations

from http import HTTPStatus

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from adapters.websocket.problem_object import problem_json, problem_of, retry_after_s, status_of
from imcore.errors import IMError, RateLimitedError, UnauthenticatedError

MEDIA_TYPE = "application/problem+json"

_CODES = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large", 422: "invalid_request"}


def problem_response(status: int, problem: dict[str, object], headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(problem), status, headers, media_type=MEDIA_TYPE)


def error_response(error: Exception, scope: Scope) -> Response:
    """The answer that tells of `error`."""
    headers: dict[str, str] = {}
    wait_s = retry_after_s(error)
    if wait_s is not None:
        headers["Retry-After"] = str(wait_s)
    if isinstance(error, RateLimitedError):
        headers |= scope["app"].state.services.rate_limit.headers | {"RateLimit-Remaining": "0", "RateLimit-Reset": str(wait_s)}
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = "Bearer"
    return problem_response(status_of(error), problem_of(error, request_id_of(scope)), headers)


def request_id_of(scope: Scope) -> str:
    request_id: str = scope["state"]["request_id"]
    return request_id


def add_error_handlers(app: FastAPI) -> None:
    app.add_exception_handler(IMError, _im_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)


async def _im_error(request: Request, error: Exception) -> Response:
    return error_response(error, request.scope)


async def _validation_error(request: Request, error: Exception) -> Response:
    """Names each field and the accepted form; what was sent is not sent back."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this one
    faults = [{"field": str(fault["loc"][-1]), "detail": fault["msg"]} for fault in error.errors()]
    detail = "; ".join(f"{fault['field']}: {fault['detail']}" for fault in faults)
    problem = problem_json(422, "invalid_request", detail, request_id_of(request.scope))
    return problem_response(422, problem | {"errors": faults})


async def _http_exception(request: Request, error: Exception) -> Response:
    """What the router itself refuses: an unknown path, a method that the path does not have."""
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this one
    status = error.status_code
    detail = f"{request.method} {request.url.path}: {HTTPStatus(status).phrase.lower()}."
    problem = problem_json(status, _CODES.get(status, "invalid_request"), detail, request_id_of(request.scope))
    return problem_response(status, problem, dict(error.headers or {}))
