"""The commands of compose.yaml, with its environment, started by hand: what the containers would run."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from tests.polling import eventually
from tests.servers.imcore import COMMAND, SECRET
from tests.servers.process import free_port, spawn

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "compose.yaml").read_text())
_VARIABLE = re.compile(r"\$\{(\w+)(?::[-?]([^}]*))?\}")

Start = Callable[..., subprocess.Popen[bytes]]


def environment_of(service: str, given: dict[str, str]) -> dict[str, str]:
    """As Compose would make it from a `.env` that holds `given`."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("IM_")}
    declared = COMPOSE["services"][service]["environment"]
    return {
        **inherited,
        **given,
        **{name: _VARIABLE.sub(lambda found: given.get(found[1], found[2] or ""), value) for name, value in declared.items()},
    }


def command_of(service: str, *more: str) -> list[str]:
    program, *arguments = COMPOSE["services"][service]["command"]
    assert program == "imcore"
    return [str(COMMAND), *arguments, *more]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a service's command in the background; ended with SIGTERM, as Compose does it."""
    running = []

    def start_service(service: str, given: dict[str, str], *more: str) -> subprocess.Popen[bytes]:
        log = tmp_path / f"{service}.log"
        process = spawn(command_of(service, *more), log=log, death_signal=signal.SIGKILL, env=environment_of(service, given))
        running.append(process)
        return process

    yield start_service
    for process in running:
        process.terminate()
    ends = {process.wait(timeout=45) for process in running}
    assert ends <= {0, -signal.SIGTERM}  # uvicorn ends, in good order, by the signal that it was sent


async def test_the_services_of_compose_answer_a_message_together(start: Start, postgres_url: str, redis_url: str) -> None:
    given = {"IM_DATABASE_URL": postgres_url, "IM_REDIS_URL": redis_url, "IM_JWT_SECRET": SECRET}
    run(command_of("migrate"), environment_of("migrate", given))
    port, metrics_port = free_port(), free_port()
    start("api", given, "--port", str(port))
    start("worker", given, "--metrics-port", str(metrics_port))
    token = run([str(COMMAND), "token", "alice"], environment_of("api", given))
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}) as http:
        await eventually(lambda: is_up(f"http://127.0.0.1:{port}/health/ready"), timeout_s=30)
        await eventually(lambda: is_up(f"http://127.0.0.1:{metrics_port}/metrics"), timeout_s=30)
        sent = (await http.post("/api/message/send", json={"msg_content": "hello"})).json()
        events = (await http.get(f"/api/message/{sent['message']['message_id']}/reply", headers={"Accept": "text/event-stream"})).text
    assert "event: reply.completed" in events


def run(command: list[str], environment: dict[str, str]) -> str:
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def is_up(url: str) -> bool:
    try:
        return httpx.get(url).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
