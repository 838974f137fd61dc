"""How the errors of a call appear in the OpenAPI document: every status with its media type and its codes."""

from __future__ import annotations

from typing import Any

MEDIA_TYPE = "application/problem+json"

CODES: dict[int, tuple[str, ...]] = {
    401: ("unauthenticated",),
    403: ("forbidden", "invalid_user_id"),
    404: ("not_found",),
    409: ("message_id_conflict", "reply_in_progress"),
    413: ("too_large",),
    422: ("invalid_request",),
    429: ("rate_limited",),
    500: ("internal_error",),
    503: ("identity_provider_unavailable", "store_unavailable"),
}

_AUTHENTICATED = (401, 403, 500, 503)

ADMISSION_CODES: dict[int, tuple[str, ...]] = {503: ("identity_provider_unavailable", "queue_full", "store_unavailable")}
"""Where `Admission` is asked."""


def problems(*statuses: int, codes: dict[int, tuple[str, ...]] | None = None) -> dict[int | str, dict[str, Any]]:
    """`responses` for a call that needs a token and can fail with these as well; `codes` where they differ from the usual ones."""
    return public_problems(*_AUTHENTICATED, *statuses, codes=codes)


def public_problems(*statuses: int, codes: dict[int, tuple[str, ...]] | None = None) -> dict[int | str, dict[str, Any]]:
    """The same for a call that anybody may make."""
    return {status: _response(status, (codes or {}).get(status) or CODES[status]) for status in sorted(set(statuses))}


def _response(status: int, codes: tuple[str, ...]) -> dict[str, Any]:
    response: dict[str, Any] = {
        "description": " | ".join(f"`{code}`" for code in codes),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in {429, 503}:
        response["headers"] = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
    if status == 429:  # noqa: PLR2004  # HTTP's own figure
        names = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy")
        response["headers"] |= {name: {"schema": {"type": "string"}} for name in names}
    return response
