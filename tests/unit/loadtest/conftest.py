"""What needs gevent is collected only where the load test is installed."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore = [] if find_spec("gevent") else ["test_conversation.py", "test_history.py"]
