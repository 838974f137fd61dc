"""RetryReply: whoever retries waits for one more reply."""

import pytest

from imcore.cancel_reply import CancelReply
from imcore.errors import RateLimitedError
from imcore.retry_reply import RetryReply


async def test_a_retry_is_refused_while_the_user_waits_for_as_many_replies_as_allowed(core):
    core.deaf()
    cancelled = await core.send("alice", "one")
    await CancelReply(core.store, core.queue, core.notifier)("alice", cancelled.record.record_id)
    await core.send("alice", "two")
    with pytest.raises(RateLimitedError):
        await RetryReply(core.store, core.queue, max_pending_replies=1)("alice", cancelled.record.record_id)
    assert not (await core.record(cancelled)).is_open
    assert (await RetryReply(core.store, core.queue, max_pending_replies=2)("alice", cancelled.record.record_id)).is_open
