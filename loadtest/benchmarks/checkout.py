"""Where the code of imcore comes from: this tree, or another commit of it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The tree that the benchmarks themselves come from."""

_WHERE = "import adapters, entrypoints, imcore; print(*(package.__file__ for package in (adapters, entrypoints, imcore)), sep='\\n')"


class WrongCheckoutError(Exception):
    """Processes started with this code would import another one, or there is no such commit."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """`root` holds `src` and `migrations`; `label` is how results name it."""

    root: Path
    label: str

    def env(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        """The environment of a process that imports imcore from here and `loadtest` from the tree of the benchmarks.

        `PYTHONPATH` goes before the editable install. No setting of this process's environment gets through.
        """
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("IM_", "LANG", "NAIVE_"))}
        return {**inherited, "PYTHONPATH": f"{self.root / 'src'}{os.pathsep}{ROOT}", **(more or {})}

    def python(self, *arguments: str) -> list[str | Path]:
        """A Python whose path does not begin with the working directory. To be run with `env()`."""
        return [sys.executable, "-P", *arguments]

    def command(self) -> list[str | Path]:
        """`imcore`, with this code. To be run with `env()`."""
        return self.python("-c", "from entrypoints.cli import main; main()")

    def check(self) -> None:
        """Raises `WrongCheckoutError` if a process started so imports anything from elsewhere."""
        said = subprocess.run(self.python("-c", _WHERE), env=self.env(), capture_output=True, text=True, check=False)  # noqa: S603  (our own)
        found = [Path(line) for line in said.stdout.split()]
        if said.returncode or not all(path.is_relative_to(self.root / "src") for path in found):
            raise WrongCheckoutError(f"{self.label}: imported from {found or said.stderr}, not from {self.root}")


def this_tree() -> Checkout:
    return Checkout(ROOT, "imcore")


def commit_of(root: Path) -> str:
    """The short commit id, with a `+` if files differ from it; "unknown" outside a repository."""
    try:
        commit = _git(root, "rev-parse", "--short=10", "HEAD")
        return f"{commit}+" if _git(root, "status", "--porcelain", "--untracked-files=no", "src", "migrations") else commit
    except (WrongCheckoutError, FileNotFoundError):
        return "unknown"


@contextmanager
def checked_out(commit: str) -> Iterator[Checkout]:
    """A commit in a git worktree of its own, removed at the end."""
    name = _git(ROOT, "rev-parse", "--short=10", "--verify", f"{commit}^{{commit}}")
    with tempfile.TemporaryDirectory(prefix="imcore-base-") as folder:
        root = Path(folder) / name
        _git(ROOT, "worktree", "add", "--detach", str(root), name)
        try:
            yield Checkout(root, name)
        finally:
            _git(ROOT, "worktree", "remove", "--force", str(root))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", root, *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607  (our own)
    if done.returncode:
        raise WrongCheckoutError(f"git {arguments[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
