"""What can go wrong, in the words of the domain. An error's `code` is public and stable; its text tells a user what to do."""

from __future__ import annotations


class IMError(Exception):
    """Every error that imcore raises on purpose.

    `retryable` says whether the very same request can succeed later without anybody changing anything.
    """

    code = "internal_error"
    retryable = False

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class InvalidRequestError(IMError):
    """What the client sent breaks a rule; the text names the field and the accepted form."""

    code = "invalid_request"


class UnauthenticatedError(IMError):
    """No token, or one that proves nothing (malformed, expired, wrongly signed)."""

    code = "unauthenticated"


class InvalidUserIdError(IMError):
    """The token is genuine, but its `sub` is not a user id that imcore accepts."""

    code = "invalid_user_id"


class ForbiddenError(IMError):
    """The user is known and may not do this: the session belongs to somebody else."""

    code = "forbidden"


class NotFoundError(IMError):
    """There is no such thing, or it is another user's: the two cannot be told apart."""

    code = "not_found"


class TooLargeError(IMError):
    """The message or the frame is longer than the limit."""

    code = "too_large"


class MessageConflictError(IMError):
    """The `message_id` is taken by another message: other content, other session or other sender."""

    code = "message_id_conflict"


class ReplyInProgressError(IMError):
    """`IM_DOUBLE_TEXTING=reject`: the session still waits for a reply."""

    code = "reply_in_progress"
    retryable = True


class NotRetryableError(IMError):
    """Only a failed or cancelled reply can be retried."""

    code = "reply_not_retryable"


class RateLimitedError(IMError):
    """Too many requests, or too many replies waiting for this user."""

    code = "rate_limited"
    retryable = True

    def __init__(self, detail: str, retry_after_s: float) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class QueueFullError(IMError):
    """The service has more replies waiting than it accepts; nothing was kept, send again later."""

    code = "queue_full"
    retryable = True


class StoreUnavailableError(IMError):
    """The database cannot be reached or gave up; nothing was kept, or the same `message_id` can be sent again safely."""

    code = "store_unavailable"
    retryable = True


class QueueUnavailableError(IMError):
    """The broker does not answer. Messages are accepted all the same; recovery finds their replies."""

    code = "queue_unavailable"
    retryable = True


class NotifierUnavailableError(IMError):
    """Nobody can be told anything live right now. Replies are written all the same and can be read."""

    code = "notifier_unavailable"
    retryable = True


class IdentityProviderUnavailableError(IMError):
    """The keys that tokens are verified with cannot be fetched: nothing is known of the token, neither good nor bad."""

    code = "identity_provider_unavailable"
    retryable = True


class LeaseLostError(IMError):
    """The reply is another writer's now, or has ended: what this writer has is worth nothing any more."""

    code = "lease_lost"


class SchemaOutdatedError(IMError):
    """The database's schema is older or newer than this code."""

    code = "schema_outdated"


class LLMError(IMError):
    """The model gave no whole reply. `code` says why, the text is fit for the record's `error_message`."""

    code = "llm_error"


class LLMTimeoutError(LLMError):
    """No first token in time, a stall between tokens, or the whole reply took too long."""

    code = "llm_timeout"
    retryable = True


class LLMRateLimitedError(LLMError):
    """The provider answered 429, also after the retries."""

    code = "llm_rate_limited"
    retryable = True


class LLMUnavailableError(LLMError):
    """The provider cannot be reached or answered 5xx."""

    code = "llm_unavailable"
    retryable = True


class LLMRefusedError(LLMError):
    """The provider refuses the request as it is: wrong key, unknown model, prompt too long (4xx)."""

    code = "llm_refused"


class LLMStreamCutError(LLMError):
    """The stream ended without a finish reason, or with something that cannot be read."""

    code = "llm_stream_cut"
    retryable = True


class LLMBadOutputError(LLMError):
    """What the model or chain gave cannot be understood as a reply."""

    code = "llm_bad_output"


class AttemptsExhaustedError(LLMError):
    """Each attempt to write the reply was broken off by a crash."""

    code = "attempts_exhausted"
    retryable = True


class WritingDefectError(LLMError):
    """An error that nobody foresaw broke the writing off; the log has its traceback."""

    code = "internal_error"
    retryable = True


RETRYABLE_REPLY_CODES = frozenset(kind.code for kind in LLMError.__subclasses__() if kind.retryable)
"""The `error_code`s of failed replies that a retry alone can heal."""
