"""The Celery application: one queue of hints on Redis, every feature that hints do not need switched off."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from celery import Celery  # type: ignore[import-untyped]  # it ships no types

HINT_TASK = "imcore.hint"
HINT_QUEUE = "hints"

_ACCEPTED = (
    "accepted are redis://[user:password@]host:port/db, rediss://… and sentinel://host:26379;sentinel://host:26379/db?master_name=mymaster"
)


def celery_app(redis_url: str, *, key_prefix: str = "im:celery:") -> Celery:
    """An application that is nobody's default; nothing is connected yet. The list in Redis is `key_prefix + "hints"`.

    `rediss://` verifies the server's certificate unless the URL says otherwise (`?ssl_cert_reqs=none`). Of several Sentinels the first
    carries user and password, the last one database and `master_name` (default `mymaster`). Kombu cannot use a Redis Cluster.

    Raises:
        ValueError: a URL that Celery cannot use.
    """
    broker_url, options = _broker(redis_url)
    app = Celery("imcore", broker=broker_url, set_as_current=False)
    app.conf.update(
        task_default_queue=HINT_QUEUE,
        task_create_missing_queues=False,
        task_serializer="json",
        accept_content=["json"],
        result_backend=None,
        task_ignore_result=True,
        task_publish_retry=False,
        task_send_sent_event=False,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_disable_rate_limits=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        worker_enable_prefetch_count_reduction=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,  # none runs then, and False warns at every loss
        task_acks_late=False,  # a late ack would let what cannot be read come back for ever
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=2,
        broker_pool_limit=1,
        broker_transport_options={
            "ack_emulation": False,  # a third of the cost, and the store is the durable queue
            "priority_steps": [0],
            "global_keyprefix": key_prefix,
            "socket_connect_timeout": 2,
            "socket_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 10,
            "max_retries": 0,
            "connect_retries_timeout": 1,
            **options,
        },
    )
    return app


def _broker(url: str) -> tuple[str, dict[str, object]]:
    """What kombu calls the broker: its URL and further transport options."""
    servers = [urlsplit(part) for part in url.split(";")]
    schemes = {server.scheme for server in servers}
    if any("," in server.netloc for server in servers) or (len(servers) > 1 and schemes != {"sentinel"}):
        raise ValueError(f"Redis URL: a list of servers means Sentinels here, Celery cannot use a Redis Cluster; {_ACCEPTED}.")
    if schemes == {"sentinel"}:
        return _sentinels(servers)
    if not schemes <= {"redis", "rediss"} or not servers[0].hostname:
        raise ValueError(f"Redis URL: {_ACCEPTED}.")
    return _verified(servers[0]) if schemes == {"rediss"} else (url, {})


def _sentinels(servers: list[SplitResult]) -> tuple[str, dict[str, object]]:
    """Kombu reads user, password and database from whichever Sentinel it asks, so each URL has to carry them."""
    user, at, _ = servers[0].netloc.rpartition("@")
    path, query = servers[-1].path, dict(parse_qsl(servers[-1].query))
    hosts = [server.netloc.rpartition("@")[2] for server in servers]
    return ";".join(f"sentinel://{user}{at}{host}{path}" for host in hosts), {"master_name": query.get("master_name", "mymaster")}


def _verified(server: SplitResult) -> tuple[str, dict[str, object]]:
    """Kombu's own default is not to look at the certificate."""
    query = {"ssl_cert_reqs": "required", **dict(parse_qsl(server.query))}
    return server._replace(query=urlencode(query)).geturl(), {}
