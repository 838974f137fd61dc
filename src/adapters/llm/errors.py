"""What can go wrong at a model, in imcore's words: one place where the exceptions of every SDK become typed LLMErrors.

An exception is known by the names of its classes and by its HTTP status: so no SDK need be imported to be understood (openai
alone takes a second), and those of OpenAI, Anthropic and others, made by one generator, are understood alike.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator

from imcore.errors import (
    IMError,
    LLMBadOutputError,
    LLMError,
    LLMRateLimitedError,
    LLMRefusedError,
    LLMStreamCutError,
    LLMTimeoutError,
    LLMUnavailableError,
)

MAX_DETAIL_CHARS = 500
MAX_SAID_CHARS = 240

_UNREACHABLE = {"ConnectTimeout", "ConnectError", "ConnectionRefusedError", "gaierror"}
_TIMEOUTS = {"TimeoutError", "APITimeoutError", "TimeoutException", "ModelTimeoutError"}
_CONNECTIONS = {"APIConnectionError", "TransportError", "ConnectionError", "ModelConnectionError"}
_UNREADABLE = {"JSONDecodeError", "UnicodeDecodeError", "APIResponseValidationError"}
_TOO_LONG = "The prompt is too long for the model: lower IM_HISTORY_TOKENS or IM_HISTORY_MESSAGES."
_RETRIED_BY_THE_SDK = {"APIStatusError", "APIConnectionError"}

_KEY = re.compile(r"\b(?:sk|pk|key)-[\w*.-]{4,}|(?<=Bearer )\S+")
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _REQUEST_TIMEOUT, _TOO_LARGE, _TOO_MANY, _SERVER_ERROR = (
    400,
    401,
    403,
    404,
    408,
    413,
    429,
    500,
)


class WrongLLMSettingsError(IMError):
    """An `IM_LLM…` setting cannot be used; the text names it and the accepted form."""

    code = "wrong_settings"


def as_llm_error(error: Exception, *, begun: bool = False, secret: str = "") -> LLMError:
    """The typed error for whatever a model's client raised; `begun` says that part of the reply had come.

    Its text says what to do, is at most 500 characters long and contains neither `secret` nor a web page.
    """
    if isinstance(error, LLMError):
        return error
    said = _without_keys(_what_was_said(error), secret)
    kind, advice = _judge(error, begun)
    return kind(f"{advice} {f'Details: {said}' if said else ''}".strip()[:MAX_DETAIL_CHARS])


def retried_by_sdk(error: LLMError) -> bool:
    """Whether the SDK that raised it has already repeated the request as often as it was told to."""
    cause = error.__cause__
    return not isinstance(error, LLMStreamCutError) and cause is not None and bool(_names(cause) & _RETRIED_BY_THE_SDK)


def _judge(error: Exception, begun: bool) -> tuple[type[LLMError], str]:
    names, status, code = _names(error), _status(error), getattr(error, "code", None)
    if "ContextOverflowError" in names or code == "context_length_exceeded":
        return LLMRefusedError, _TOO_LONG
    if status is not None:
        return _judge_status(status, code)
    if names & _TIMEOUTS and not _never_connected(error):
        return LLMTimeoutError, "The model's server fell silent for longer than IM_LLM_TIMEOUT_S allows."
    if names & (_CONNECTIONS | _TIMEOUTS):
        return _judge_connection(error, begun)
    return _judge_content(error, names)


def _judge_connection(error: Exception, begun: bool) -> tuple[type[LLMError], str]:
    if begun or "peer closed connection" in _root_text(error):  # httpx's words for a body without its end
        return LLMStreamCutError, "The connection to the model's server broke in the middle of the reply."
    trouble = "cannot be reached" if _never_connected(error) else "broke the connection off"
    return LLMUnavailableError, f"The model's server{_address(error)} {trouble}: check IM_LLM_BASE_URL and that the server runs."


def _judge_content(error: Exception, names: set[str]) -> tuple[type[LLMError], str]:
    if names & _UNREADABLE:
        return LLMStreamCutError, "The model's server sent something that cannot be read; if it always does, check IM_LLM_BASE_URL."
    if "No generation" in str(error):  # LangChain's ValueError for a stream without a single chunk
        return LLMStreamCutError, "The model's server gave no reply; if it never does, check IM_LLM_BASE_URL (it often ends in /v1)."
    if "Unexpected response type from OpenAI-compatible" in str(error):
        return LLMRefusedError, "What answers is no OpenAI-compatible server: check IM_LLM_BASE_URL (it often ends in /v1)."
    if "OutputParserException" in names:
        return LLMBadOutputError, "The chain's parser did not understand what the model gave."
    if "APIError" in names:  # an error sent in the middle of a stream, which has no status any more
        return LLMUnavailableError, "The model's server broke the reply off with an error."
    return LLMError, f"The model or chain failed with {type(error).__name__}."


def _judge_status(status: int, code: object) -> tuple[type[LLMError], str]:
    if status >= _SERVER_ERROR:
        return LLMUnavailableError, f"The model's server has a fault of its own (HTTP {status})."
    if status == _TOO_MANY and code != "insufficient_quota":
        return LLMRateLimitedError, "The model's server has too many requests (HTTP 429); try again later."
    if status == _REQUEST_TIMEOUT:
        return LLMTimeoutError, "The model's server gave up waiting (HTTP 408)."
    return LLMRefusedError, _REFUSALS.get(status, f"The model's server refuses the request (HTTP {status}).")


_REFUSALS = {
    _BAD_REQUEST: "The model's server refuses the request (HTTP 400).",
    _UNAUTHORIZED: "The model's server refuses the key (HTTP 401): check IM_LLM_API_KEY.",
    _FORBIDDEN: "The key may not use this model (HTTP 403): check IM_LLM_API_KEY and IM_LLM_MODEL.",
    _NOT_FOUND: "The model's server does not know this model or address (HTTP 404): check IM_LLM_MODEL and IM_LLM_BASE_URL.",
    _TOO_LARGE: _TOO_LONG,
    _TOO_MANY: "The quota of the key IM_LLM_API_KEY is used up (HTTP 429).",
}


def _what_was_said(error: Exception) -> str:
    """The provider's own words, "" if they are a web page or nothing."""
    body = getattr(error, "body", None)
    said = body.get("message") if isinstance(body, dict) else None
    text = said if isinstance(said, str) else _root_text(error) if _names(error) & _CONNECTIONS else str(error)
    if re.search(r"<(!doctype|html|head|body)\b", text, re.IGNORECASE):
        return ""
    text = " ".join(text.split())
    return text if len(text) <= MAX_SAID_CHARS else text[:MAX_SAID_CHARS] + "…"


def _without_keys(text: str, secret: str) -> str:
    return _KEY.sub("***", text.replace(secret, "***") if secret else text)


def _status(error: Exception) -> int | None:
    status = getattr(error, "status_code", None) or getattr(getattr(error, "response", None), "status_code", None)
    return status if isinstance(status, int) and status >= _BAD_REQUEST else None


def _address(error: Exception) -> str:
    """Where the request went, without user, password and query."""
    url = getattr(error.request, "url", None) if "APIConnectionError" in _names(error) and hasattr(error, "request") else None
    return f" at {url.scheme}://{url.netloc.decode()}{url.path}" if url is not None else ""


def _never_connected(error: Exception) -> bool:
    return any(_names(cause) & _UNREACHABLE for cause in _causes(error))


def _root_text(error: Exception) -> str:
    """What the innermost exception says: "Connection refused", where the SDK only says "Connection error"."""
    root = list(_causes(error))[-1]
    return "" if isinstance(root, asyncio.CancelledError) else str(root)  # a time limit at work, which has nothing to tell


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__


def _names(error: BaseException) -> set[str]:
    return {kind.__name__ for kind in type(error).__mro__}
