"""The distribution is what it says it is."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCK_FILES = ("requirements/*.txt", "**/*lock*.json", "**/npm-shrinkwrap.json", "**/*.lock", "**/pylock*.toml")


@pytest.mark.parametrize("package", ["imcore", "adapters", "entrypoints"])
def test_a_package_comes_from_this_project(package: str) -> None:
    """`entrypoints` is also the name of an old distribution that others may bring along."""
    spec = importlib.util.find_spec(package)

    assert spec is not None
    assert spec.origin == str(ROOT / "src" / package / "__init__.py")


def test_no_lock_file_contains_an_address() -> None:
    assert [str(path) for path in _lock_files() if "://" in path.read_text()] == []


def _lock_files() -> Iterator[Path]:
    for pattern in LOCK_FILES:
        for path in ROOT.glob(pattern):
            folders = path.relative_to(ROOT).parts[:-1]
            if not any(folder.startswith(".") or folder == "node_modules" for folder in folders):
                yield path


def test_every_pinned_requirement_has_its_hash() -> None:
    for path in ROOT.glob("requirements/*.txt"):
        pins = re.findall(r"^[a-z0-9].*==.*(?:\n    .*)*", path.read_text(), re.MULTILINE)
        assert pins
        assert [pin.splitlines()[0] for pin in pins if "--hash=sha256:" not in pin] == []


def test_what_is_tested_is_what_runs() -> None:
    """The pins of the test environment and of the load environment agree with those of the service."""
    run = _pins("run")

    assert run.items() <= _pins("test").items()
    assert run.items() <= _pins("load").items()


def _pins(group: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9][^\s=]*)==(\S+)", (ROOT / "requirements" / f"{group}.txt").read_text(), re.MULTILINE))


def test_the_version_is_the_newest_in_the_changelog() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = ROOT / "CHANGELOG.md"
    if not changelog.exists():
        pytest.skip("no CHANGELOG.md yet")

    newest = re.search(r"^## \[?v?(\d+\.\d+\.\d+)", changelog.read_text(), re.MULTILINE)

    assert newest is not None
    assert newest[1] == version
