"""compose.yaml, Dockerfile and .env.example speak of commands and settings that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from entrypoints.settings import Settings

ROOT = Path(__file__).parents[2]
SETTINGS = {f"IM_{name.upper()}" for name in Settings.model_fields}


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    compose: dict[str, dict[str, Any]] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return compose["services"]


def test_the_services_are_the_two_stores_the_migration_and_the_two_processes(services: dict[str, Any]) -> None:
    assert services.keys() == {"postgres", "redis", "migrate", "api", "worker"}


@pytest.mark.parametrize("service", ["migrate", "api", "worker"])
def test_a_command_is_one_that_the_console_script_knows(services: dict[str, Any], service: str) -> None:
    script, *arguments = services[service]["command"]
    console_script = Path(sys.executable).with_name(script)

    run = subprocess.run([console_script, *arguments, "--help"], capture_output=True, text=True, check=False)

    assert run.returncode == 0, run.stderr


def test_the_image_serves_by_itself(services: dict[str, Any]) -> None:
    command = ", ".join(f'"{word}"' for word in services["api"]["command"])

    assert f"CMD [{command}]" in (ROOT / "Dockerfile").read_text()


@pytest.mark.parametrize("name", ["compose.yaml", "Dockerfile", ".env.example"])
def test_every_variable_is_a_setting(name: str) -> None:
    named = set(re.findall(r"\bIM_[A-Z_]+", (ROOT / name).read_text()))

    assert named
    assert named <= SETTINGS


@pytest.mark.parametrize("service", ["migrate", "api", "worker"])
def test_every_process_gets_the_stores_and_the_secret(services: dict[str, Any], service: str) -> None:
    environment = services[service]["environment"]

    assert "@postgres:" in environment["IM_DATABASE_URL"]
    assert "//redis:" in environment["IM_REDIS_URL"]
    assert environment["IM_JWT_SECRET"].startswith("${IM_JWT_SECRET:?")
    assert services[service]["env_file"] == [{"path": ".env", "required": False}]


def test_nothing_starts_before_what_it_needs(services: dict[str, Any]) -> None:
    waits = {
        name: {other: need["condition"] for other, need in service.get("depends_on", {}).items()} for name, service in services.items()
    }
    ready = {"migrate": "service_completed_successfully", "redis": "service_healthy"}

    assert waits == {"postgres": {}, "redis": {}, "migrate": {"postgres": "service_healthy"}, "api": ready, "worker": ready}


def test_whatever_is_waited_for_has_a_health_check(services: dict[str, Any]) -> None:
    assert all("test" in services[name]["healthcheck"] for name in ("postgres", "redis", "worker"))
    assert "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()  # the api's


def test_the_database_outlives_its_container(services: dict[str, Any]) -> None:
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
