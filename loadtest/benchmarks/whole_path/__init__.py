"""Benchmarks of the whole path: processes as an operator runs them, clients on the other side of a socket."""

from __future__ import annotations

from loadtest.benchmarks.benchmark import Benchmark
from loadtest.benchmarks.whole_path.accept_latency import ACCEPT_LATENCY
from loadtest.benchmarks.whole_path.http_sends import HTTP_SENDS
from loadtest.benchmarks.whole_path.memory import MEMORY
from loadtest.benchmarks.whole_path.replies import REPLIES
from loadtest.benchmarks.whole_path.replies_apis import REPLIES_APIS
from loadtest.benchmarks.whole_path.replies_http import REPLIES_HTTP
from loadtest.benchmarks.whole_path.slow_reader import SLOW_READER
from loadtest.benchmarks.whole_path.ws_sends import WS_SENDS

BENCHMARKS: tuple[Benchmark, ...] = (HTTP_SENDS, WS_SENDS, REPLIES, REPLIES_APIS, REPLIES_HTTP, ACCEPT_LATENCY, MEMORY, SLOW_READER)
