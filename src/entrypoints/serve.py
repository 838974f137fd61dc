"""`imcore serve`: HTTP, WebSocket and chat page; in embedded mode the replies too."""

from __future__ import annotations

import asyncio
import os
import socket
import tempfile
from typing import Any

import uvicorn
from uvicorn.supervisors import Multiprocess

from entrypoints.api.app import create_app
from entrypoints.api.gathered_writes import GatheringProtocol
from entrypoints.api.socket_protocol import SocketProtocol
from entrypoints.container import ApiContainer, build_llm
from entrypoints.garbage import collect_rarely
from entrypoints.logs import configure_logs
from entrypoints.metrics import MULTIPROCESS_DIR
from entrypoints.operations import prepare_store
from entrypoints.settings import Settings, WrongSettingsError, load_settings

CLOSE_SOCKETS_S = 5


def serve(settings: Settings, host: str, port: int, workers: int) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        WrongSettingsError: the port is taken, or more than one process is asked for in embedded mode.
        SchemaOutdatedError, StoreUnavailableError: the database is not ready for this code.
    """
    if workers > 1 and settings.embedded:
        raise WrongSettingsError("--workers: embedded mode is one process; set IM_REDIS_URL (and run `imcore worker`) to have more.")
    listener = _listen(host, port)
    configure_logs(settings, "api")
    asyncio.run(prepare_store(settings))
    if settings.embedded:
        build_llm(settings)  # a model that cannot be had is an error of the settings, to be told before anything is served
    os.environ["IM_GUEST_ACCESS"] = str(settings.guest_access_on(host)).lower()  # worker processes do not know the address
    config = uvicorn.Config(
        "entrypoints.serve:build_app",
        factory=True,
        http=GatheringProtocol,
        ws=SocketProtocol,
        workers=workers,
        log_config=None,
        access_log=False,
        ws_per_message_deflate=False,  # it costs 0.5 MB a connection
        ws_max_size=settings.max_message_chars * 6 * 4 + 16_384,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        timeout_graceful_shutdown=CLOSE_SOCKETS_S,
        server_header=False,
    )
    _greet(settings, *listener.getsockname()[:2])
    if workers > 1:
        with tempfile.TemporaryDirectory(prefix="imcore-metrics-") as folder:
            os.environ[MULTIPROCESS_DIR] = folder
            Multiprocess(config, sockets=[listener]).run()
    else:
        uvicorn.Server(config).run(sockets=[listener])


def build_app() -> Any:
    """The application of one server process, from the environment alone: uvicorn's worker processes call it by name."""
    settings = load_settings()
    configure_logs(settings, "api")
    app = create_app(ApiContainer(settings=settings))
    collect_rarely()
    return app


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        raise WrongSettingsError(f"--host, --port: cannot listen on {host}:{port}: {error.strerror}; choose another with --port.") from None
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def _greet(settings: Settings, host: str, port: int) -> None:
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104  # compared, not bound
    mode = (
        f"embedded: replies are written here, data in {settings.data_dir}"
        if settings.embedded
        else "replies are written by `imcore worker`"
    )
    print(f"imcore is starting ({mode})\nchat page   http://{shown}:{port}/\nAPI         http://{shown}:{port}/docs", flush=True)
