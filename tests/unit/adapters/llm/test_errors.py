"""The exceptions of other SDKs and of bare HTTP clients, which no server of ours provokes."""

from __future__ import annotations

import httpx
import pytest

from adapters.llm.errors import MAX_DETAIL_CHARS, as_llm_error
from imcore.errors import LLMError, LLMRateLimitedError, LLMRefusedError, LLMStreamCutError, LLMTimeoutError, LLMUnavailableError

REQUEST = httpx.Request("POST", "http://127.0.0.1:11434/api/chat")


def answered(status: int) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("refused", request=REQUEST, response=httpx.Response(status, request=REQUEST))


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("All connection attempts failed"), LLMUnavailableError),
        (httpx.ConnectTimeout("timed out"), LLMUnavailableError),
        (httpx.ReadTimeout("timed out"), LLMTimeoutError),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), LLMUnavailableError),
        (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), LLMStreamCutError),
        (answered(401), LLMRefusedError),
        (answered(408), LLMTimeoutError),
        (answered(429), LLMRateLimitedError),
        (answered(503), LLMUnavailableError),
        (ConnectionResetError("reset"), LLMUnavailableError),
        (ValueError("something else"), LLMError),
    ],
)
def test_an_exception_is_understood_without_knowing_its_sdk(error: Exception, kind: type[LLMError]) -> None:
    assert type(as_llm_error(error)) is kind


def test_a_connection_that_breaks_after_the_first_token_is_a_cut_stream() -> None:
    assert type(as_llm_error(ConnectionResetError("reset"), begun=True)) is LLMStreamCutError


def test_a_typed_error_stays_what_it_is() -> None:
    error = LLMRefusedError("as it is")
    assert as_llm_error(error) is error


def test_the_text_is_short_and_on_one_line() -> None:
    detail = as_llm_error(ValueError("long\n" * 1000)).detail
    assert len(detail) <= MAX_DETAIL_CHARS
    assert "\n" not in detail
    assert detail.endswith("…")
