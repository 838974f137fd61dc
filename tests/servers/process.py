"""Processes that die with their parent, and the ports they listen on."""

from __future__ import annotations

import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil

_PR_SET_PDEATHSIG = 1
_POLL_S = 0.01
_DEAD: str = psutil.STATUS_DEAD
_ENDED = {_DEAD, psutil.STATUS_ZOMBIE}
_STILL = {psutil.STATUS_STOPPED, *_ENDED}

_PORTS = range(15_000, 32_000)
"""Below the kernel's range for outgoing connections: a client that keeps knocking at a dead server's port could else be given that very
port as its own, connect to itself and keep the server from coming back."""


def free_port() -> int:
    """A loopback port on which nobody listens."""
    for port in random.sample(_PORTS, k=100):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise OSError(f"no free port found between {_PORTS.start} and {_PORTS.stop}")


_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="spawner")
"""Linux sends the signal of PR_SET_PDEATHSIG when the *thread* that forked ends; this one ends with the interpreter."""


def spawn(
    command: Sequence[str | Path],
    *,
    log: Path,
    death_signal: signal.Signals,
    user_id: int | None = None,
    env: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` with its output appended to `log`; it gets `death_signal` when this process ends, however that ends."""
    return _spawner.submit(_spawn, command, log, death_signal, user_id, env).result()


def _spawn(
    command: Sequence[str | Path], log: Path, death_signal: signal.Signals, user_id: int | None, env: Mapping[str, str] | None
) -> subprocess.Popen[bytes]:
    parent = os.getpid()
    libc = ctypes.CDLL(None) if sys.platform == "linux" else None

    def die_with_parent() -> None:
        if libc is not None:
            libc.prctl(_PR_SET_PDEATHSIG, death_signal)
            if os.getppid() != parent:  # it ended before the line above
                os._exit(1)

    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=env,
            user=user_id,
            group=user_id,
            preexec_fn=die_with_parent,  # noqa: PLW1509  (between fork and exec it only makes system calls, loaded before)
        )


def family(pid: int) -> list[psutil.Process]:
    """The process and all it started, itself first."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def signal_all(processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Send a signal to those that still run."""
    for process in processes:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            continue


def pause(pid: int, *, timeout_s: float) -> None:
    """SIGSTOP to the process and then to all it started; the signal takes effect a little later than it is sent."""
    _pause(family(pid)[:1], timeout_s)
    _pause(family(pid), timeout_s)  # a stopped parent makes no further children


def _pause(processes: Sequence[psutil.Process], timeout_s: float) -> None:
    signal_all(processes, signal.SIGSTOP)
    if not _wait_until(lambda: all(_state(process) in _STILL for process in processes), timeout_s):
        raise TimeoutError(f"{processes} cannot be stopped")


def wait_until_gone(processes: Sequence[psutil.Process], *, timeout_s: float) -> bool:
    """Whether all ended in time. One that only waits to be reaped has ended: it holds no port, file or memory."""
    return _wait_until(lambda: all(_state(process) in _ENDED for process in processes), timeout_s)


def listens(pid: int, port: int) -> bool:
    """Whether it is this process that serves the port."""
    try:
        connections = psutil.Process(pid).net_connections("tcp")
    except psutil.NoSuchProcess:
        return False
    return any(connection.status == psutil.CONN_LISTEN and connection.laddr.port == port for connection in connections)


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True


def _state(process: psutil.Process) -> str:
    try:
        return str(process.status()) if process.is_running() else _DEAD
    except psutil.NoSuchProcess:
        return _DEAD
