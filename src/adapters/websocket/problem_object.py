"""The problem object (RFC 9457) that tells a client what went wrong, over HTTP and over WebSocket alike."""

from __future__ import annotations

import math

from imcore import errors
from imcore.chat_record import ReplyError

INTERNAL_ERROR = 500

STATUS_OF: dict[type[errors.IMError], int] = {
    errors.InvalidRequestError: 422,
    errors.UnauthenticatedError: 401,
    errors.InvalidUserIdError: 403,
    errors.ForbiddenError: 403,
    errors.NotFoundError: 404,
    errors.TooLargeError: 413,
    errors.MessageConflictError: 409,
    errors.ReplyInProgressError: 409,
    errors.NotRetryableError: 409,
    errors.RateLimitedError: 429,
    errors.QueueFullError: 503,
    errors.StoreUnavailableError: 503,
    errors.QueueUnavailableError: 503,
    errors.NotifierUnavailableError: 503,
    errors.IdentityProviderUnavailableError: 503,
    errors.SchemaOutdatedError: 503,
}
"""The HTTP status of each error that a client may see; every other one is an `internal_error` that says nothing more."""

RETRY_AFTER_S: dict[type[errors.IMError], int] = {
    errors.QueueFullError: 5,
    errors.StoreUnavailableError: 2,
    errors.IdentityProviderUnavailableError: 5,
}

_TITLES = {
    "invalid_request": "The request is not valid",
    "unauthenticated": "No valid token",
    "invalid_user_id": "The token's user id is not accepted",
    "forbidden": "Not allowed",
    "not_found": "Not found",
    "method_not_allowed": "Method not allowed",
    "too_large": "Too large",
    "message_id_conflict": "The message id is taken",
    "reply_in_progress": "A reply is still being written",
    "reply_not_retryable": "This reply cannot be retried",
    "rate_limited": "Too many requests",
    "queue_full": "Too many replies are waiting",
    "store_unavailable": "The database is not available",
    "queue_unavailable": "The queue is not available",
    "notifier_unavailable": "Live events are not available",
    "identity_provider_unavailable": "Tokens cannot be verified",
    "schema_outdated": "The database's schema does not fit",
    "not_ready": "Not ready",
    "internal_error": "Internal error",
}


def status_of(error: Exception) -> int:
    """The HTTP status for `error`, 500 for whatever is not meant for clients."""
    return next((STATUS_OF[kind] for kind in type(error).__mro__ if kind in STATUS_OF), INTERNAL_ERROR)


def retry_after_s(error: Exception) -> int | None:
    """Whole seconds until it makes sense to try again, None where waiting does not help."""
    if isinstance(error, errors.RateLimitedError):
        return max(1, math.ceil(error.retry_after_s))
    return RETRY_AFTER_S.get(type(error)) if isinstance(error, errors.IMError) else None


def problem_json(status: int, code: str, detail: str, request_id: str | None = None) -> dict[str, object]:
    """The object itself. `request_id` is in the logs too."""
    problem: dict[str, object] = {
        "type": f"urn:imcore:problem:{code}",
        "title": _TITLES.get(code, code.replace("_", " ").capitalize()),
        "status": status,
        "detail": detail,
        "code": code,
    }
    return problem | {"request_id": request_id} if request_id else problem


def problem_of(error: Exception, request_id: str | None = None) -> dict[str, object]:
    """What a client is told of `error`: nothing about the inside of an error that is not meant for it."""
    status = status_of(error)
    if status == INTERNAL_ERROR or not isinstance(error, errors.IMError):
        return problem_json(
            INTERNAL_ERROR, "internal_error", "Something went wrong here; the log has it under this request_id.", request_id
        )
    problem = problem_json(status, error.code, error.detail, request_id)
    wait_s = retry_after_s(error)
    return problem if wait_s is None else problem | {"retry_after_s": wait_s}


def reply_problem(error: ReplyError) -> dict[str, object]:
    """Why a reply failed, in the same shape; it has no status, for no request failed."""
    code = error.code or "internal_error"
    return {
        "type": f"urn:imcore:problem:{code}",
        "title": "The reply could not be written",
        "detail": error.message,
        "code": code,
    }
