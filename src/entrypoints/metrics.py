"""Metrics for Prometheus, under the names of docs/metrics.md. With several processes behind one port they are added up at the scrape."""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    multiprocess,
    start_http_server,
)

from entrypoints.settings import WrongSettingsError
from imcore.chat_record import ChatRecord, Lease, ReplyOutcome, ReplyStatus
from imcore.ports import ReplyMeter

FAST_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SLOW_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120)
MULTIPROCESS_DIR = "PROMETHEUS_MULTIPROC_DIR"


class Metrics(ReplyMeter):
    """All metrics of one process."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._http = Histogram("im_http_request_seconds", "HTTP requests", ("method", "route", "status"), registry=registry, buckets=FAST_S)
        self._http_children: dict[tuple[str, str, int], Histogram] = {}  # to look one up by its labels costs more than to count
        self._message_children: dict[str, Counter] = {}
        self._messages = Counter("im_messages", "Messages stored", ("msg_type",), registry=registry)
        self._replies = Counter("im_replies", "Replies that ended", ("status",), registry=registry)
        self._reply = Histogram("im_reply_seconds", "From claim to end of a reply", registry=registry, buckets=SLOW_S)
        self._queue = Histogram("im_reply_queue_seconds", "From acceptance to claim", registry=registry, buckets=SLOW_S)
        self._first_token = Histogram("im_reply_first_token_seconds", "From claim to the first token", registry=registry, buckets=SLOW_S)
        self._running = Gauge("im_replies_running", "Replies being written", registry=registry, multiprocess_mode="livesum")
        self._depth = Gauge("im_queue_depth", "Records without an end", registry=registry, multiprocess_mode="livemax")
        self._broker = Gauge("im_broker_queue_length", "Hints in the Celery queue", registry=registry, multiprocess_mode="livemax")
        self._db = Gauge("im_db_connections", "Database connections", ("state",), registry=registry, multiprocess_mode="livesum")
        self._sockets = Gauge("im_websocket_connections", "Open WebSockets", registry=registry, multiprocess_mode="livesum")
        self._evictions = Counter("im_websocket_evictions", "WebSockets closed by the server", ("reason",), registry=registry)
        self._recovered = Counter("im_recovered_replies", "Sessions that a sweep found", registry=registry)
        self._llm_errors = Counter("im_llm_errors", "Replies that failed at the model", ("code",), registry=registry)

    # ReplyMeter

    def reply_started(self, record: ChatRecord) -> None:
        del record
        self._running.inc()

    def first_token(self, record: ChatRecord, first_token_ms: int) -> None:
        del record
        self._first_token.observe(first_token_ms / 1000)

    def reply_ended(self, outcome: ReplyOutcome) -> None:
        self._running.dec()
        self._replies.labels(outcome.status.name.lower()).inc()
        if outcome.queue_ms is not None:
            self._queue.observe(outcome.queue_ms / 1000)
        if outcome.duration_ms is not None:
            self._reply.observe(outcome.duration_ms / 1000)
        if outcome.status is ReplyStatus.FAILED and outcome.error_code:
            self._llm_errors.labels(outcome.error_code).inc()
        if outcome.leaves_message:
            self.message_stored("AI_REPLY")

    def reply_left(self, lease: Lease) -> None:
        del lease
        self._running.dec()

    def recovered(self, count: int) -> None:
        self._recovered.inc(count)

    # The API

    def http_request(self, method: str, route: str, status: int, seconds: float) -> None:
        child = self._http_children.get((method, route, status))
        if child is None:
            child = self._http_children[method, route, status] = self._http.labels(method, route, status)
        child.observe(seconds)

    def message_stored(self, msg_type: str) -> None:
        child = self._message_children.get(msg_type)
        if child is None:
            child = self._message_children[msg_type] = self._messages.labels(msg_type)
        child.inc()

    def socket_opened(self) -> None:
        self._sockets.inc()

    def socket_closed(self) -> None:
        self._sockets.dec()

    def evicted(self, reason: str) -> None:
        self._evictions.labels(reason).inc()

    # Sampled

    def queue_depth(self, records: int) -> None:
        self._depth.set(records)

    def broker_queue_length(self, hints: int) -> None:
        self._broker.set(hints)

    def db_connections(self, counts: dict[str, int]) -> None:
        """`counts`: connections by state, `in_use` and `idle`."""
        for state, count in counts.items():
            self._db.labels(state).set(count)

    def serve(self, port: int) -> None:
        """Answer scrapes on a loopback port, from a thread of its own.

        Raises:
            WrongSettingsError: the port is taken.
        """
        try:
            start_http_server(port, addr="127.0.0.1", registry=self._registry)
        except OSError as error:
            raise WrongSettingsError(f"--metrics-port: cannot listen on port {port}: {error.strerror}.") from None

    def render(self) -> bytes:
        """What a scrape reads. Files of processes that died are reaped first: a gauge of the living must not count the dead."""
        folder = os.environ.get(MULTIPROCESS_DIR)
        if folder is None:
            return generate_latest(self._registry)
        _reap(Path(folder))
        merged = CollectorRegistry()
        multiprocess.MultiProcessCollector(merged, path=folder)  # type: ignore[no-untyped-call]  # the library has no types here
        return generate_latest(merged)


def _reap(folder: Path) -> None:
    for pid in {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*.db")}:
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            multiprocess.mark_process_dead(int(pid), path=str(folder))  # type: ignore[no-untyped-call]  # the library has no types here
