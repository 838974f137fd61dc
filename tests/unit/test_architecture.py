"""The import rules hold, and the check that guards them can fail."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "src" / "imcore").rglob("*.py"))

PLANTED = [
    ("imcore/message.py", "import adapters.memory", "Entrypoints know adapters, adapters know the core, never the other way round"),
    ("adapters/memory/__init__.py", "import adapters.sql", "Adapters are strangers to each other"),
    ("imcore/errors.py", "import imcore.chat_record", "No cycles"),
    ("imcore/message.py", "import sqlalchemy", "Databases are the business of adapters.sql"),
    ("adapters/pubsub/__init__.py", "from celery import Celery", "Celery is the business of adapters.task_queue and the worker"),
    ("entrypoints/settings.py", "import redis.asyncio", "Redis is the business of adapters.pubsub and of Celery's adapter"),
    ("entrypoints/worker.py", "import langchain_core.messages", "Models are the business of adapters.llm"),
    ("adapters/websocket/__init__.py", "from starlette.websockets import WebSocket", "HTTP is the business of entrypoints.api"),
    ("entrypoints/settings.py", "import typer", "The command line is the business of entrypoints.cli"),
    ("entrypoints/settings.py", "import dependency_injector", "Wiring is the business of the container"),
    ("adapters/sql/__init__.py", "import prometheus_client", "Metrics are counted in the entrypoints"),
]

IMPORT_ALL = """
import importlib, pathlib, sys, threading

LOUD = {"socket.connect", "socket.bind", "subprocess.Popen", "sqlite3.connect", "os.mkdir", "os.putenv"}

def watch(event, arguments):
    writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")
    if event in LOUD or (writes and ".pyc" not in str(arguments[0])):
        print(f"{module}: {event} {arguments}")

source = pathlib.Path(sys.argv[1])
modules = [".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__") for path in sorted(source.rglob("*.py"))]
for module in modules:
    importlib.import_module(module)
for module in modules:
    del sys.modules[module]
sys.addaudithook(watch)  # from here on it is ours alone: what libraries do when they are first imported has happened
for module in modules:
    importlib.import_module(module)
if threading.active_count() > 1:
    print("threads:", threading.enumerate())
"""


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_imports_the_standard_library_only(path: Path) -> None:
    assert {name for name in _imported(path) if name not in sys.stdlib_module_names} <= {"imcore"}


def _imported(path: Path) -> Iterator[str]:
    """The top-level names of all that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0] if node.level == 0 else "imcore"


def test_nothing_happens_when_modules_are_imported(tmp_path: Path) -> None:
    """No file, connection, process or thread; and no setting is read, for this one would be refused."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("IM_")} | {"IM_DATABASE_URL": "nonsense"}

    run = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, ROOT / "src"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )

    assert (run.stdout, run.stderr, run.returncode) == ("", "", 0)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What import-linter says, contract by contract, of a copy of the tree into which every forbidden import was planted."""
    copy = tmp_path_factory.mktemp("planted")
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name, line, _ in PLANTED:
        with (copy / "src" / name).open("a") as file:
            file.write(f"\n{line}\n")
    lint = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run(
        [lint, "--config", copy / "pyproject.toml", "--no-cache", "--no-logo"],
        cwd=copy / "src",
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1, run.stdout + run.stderr
    return dict(re.findall(r"^(.+) (KEPT|BROKEN)", run.stdout, re.MULTILINE))


@pytest.mark.parametrize(("name", "line", "contract"), PLANTED)
def test_a_forbidden_import_breaks_its_contract(verdicts: dict[str, str], name: str, line: str, contract: str) -> None:
    assert verdicts[contract] == "BROKEN", f"{line!r} in {name} goes unnoticed"


def test_every_contract_is_known_to_be_breakable(verdicts: dict[str, str]) -> None:
    assert verdicts.keys() == {contract for *_, contract in PLANTED}


async def test_a_unit_test_cannot_open_a_connection() -> None:
    with pytest.raises(Exception, match="a unit test may not open a socket"):
        await asyncio.open_connection("127.0.0.1", 9)
