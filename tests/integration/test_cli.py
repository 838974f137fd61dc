"""The console script: what it says when something is wrong, and what it exits with."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from adapters.sql.migrations_runner import migrate
from tests.servers.imcore import COMMAND, SECRET


@pytest.fixture
def imcore(tmp_path: Path):
    """Runs a command in an empty folder, with the given settings and no others."""

    def run(*arguments: str, stdin: str = "", **settings: str) -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if not name.startswith("IM_")}
        env |= {f"IM_{name}": value for name, value in settings.items()}
        return subprocess.run(
            [COMMAND, *arguments], cwd=tmp_path, env=env, input=stdin, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def refused(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """One clear line, exit 2, no traceback."""
    assert done.returncode == 2, done
    lines = [line for line in done.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, done.stderr
    for word in says:
        assert word in lines[0]


DISTRIBUTED = {"REDIS_URL": "redis://127.0.0.1:1/0", "JWT_SECRET": SECRET}


@pytest.mark.parametrize(
    ("arguments", "settings", "says"),
    [
        (["serve"], {"DATABASE_URL": "oracle://x"}, ["IM_DATABASE_URL", "postgresql://"]),
        (["serve"], {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, ["IM_DATABASE_URL", "port 1", "refused"]),
        (["serve"], {"REDIS_URL": "localhost:6379"}, ["IM_REDIS_URL", "redis://"]),
        (["serve"], {"REDIS_URL": "redis://127.0.0.1:1/0"}, ["IM_JWT_SECRET"]),
        (["serve"], {"JWT_SECRET": "short"}, ["IM_JWT_SECRET", "32 bytes"]),
        (["serve"], {"LLM": "nonsense"}, ["IM_LLM", "package.module:attribute"]),
        (["serve"], {"LLM": "no.such.module:chain"}, ["IM_LLM", "no.such"]),
        (["serve"], {"LLM_BASE_URL": "http://127.0.0.1:1/v1"}, ["IM_LLM_MODEL"]),
        (["serve"], {"DOUBLE_TEXTING": "shout"}, ["IM_DOUBLE_TEXTING", "'queue'", "'merge'"]),
        (["serve", "--workers", "2"], {}, ["--workers", "IM_REDIS_URL"]),
        (["serve", "--host", "no.such.host.invalid"], {}, ["--host"]),
        (["worker"], {}, ["IM_REDIS_URL"]),
        (["worker"], {**DISTRIBUTED, "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, ["IM_DATABASE_URL", "port 1"]),
        (["migrate", "7777"], {}, ["7777"]),
        (["token", "a:b"], {}, ["user id"]),
        (["audit"], {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x"}, ["IM_DATABASE_URL"]),
        (["chat", "--url", "http://127.0.0.1:1"], {}, ["--url", "imcore serve"]),
    ],
)
def test_what_is_wrong_is_named_in_one_line_with_exit_2(imcore, arguments, settings, says):
    refused(imcore(*arguments, **settings), *says)


@pytest.mark.parametrize("arguments", [["serve", "--port", "many"], ["serve", "--no-such"], ["dance"], ["token"]])
def test_wrong_usage_exits_2_without_a_traceback(imcore, arguments):
    done = imcore(*arguments)
    assert done.returncode == 2
    assert "Error" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named(imcore):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        refused(imcore("serve", "--port", str(taken.getsockname()[1])), "--port", "in use")


def test_an_old_schema_names_the_command_that_mends_it(imcore, postgres_url):
    settings = {"DATABASE_URL": postgres_url, **DISTRIBUTED}
    migrate(postgres_url, "0001")
    for command in ("serve", "worker", "audit", "recover"):
        refused(imcore(command, **settings), "imcore migrate")
    assert imcore("migrate", **settings).returncode == 0
    assert imcore("audit", **settings).returncode == 0


def test_a_wrong_password_or_database_is_told_apart_from_a_server_that_is_away(imcore, postgres_url):
    refused(imcore("audit", DATABASE_URL=postgres_url + "_not"), "IM_DATABASE_URL", "does not exist")


def test_doctor_says_what_is_wrong_of_each_part_and_exits_1(imcore):
    done = imcore("doctor", DATABASE_URL="postgresql://nobody@127.0.0.1:1/x", **DISTRIBUTED)
    assert done.returncode == 1
    parts = {line.split()[1]: line.split()[0] for line in done.stdout.splitlines()}
    assert parts == {"settings": "ok", "tokens": "ok", "database": "FAIL", "model": "ok", "queue": "FAIL", "push": "FAIL"}


def test_doctor_is_content_with_an_empty_folder(imcore):
    done = imcore("doctor")
    assert done.returncode == 0, done.stdout


def test_audit_counts_and_exits_0_on_a_healthy_database(imcore):
    imcore("migrate")
    done = imcore("audit", "--json")
    assert done.returncode == 0
    assert set(json.loads(done.stdout).values()) == {0}
