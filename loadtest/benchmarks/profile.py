"""Flame graphs of what imcore's processes do under the load of the benchmarks.

    python -m loadtest.benchmarks.profile            # send and reply
    python -m loadtest.benchmarks.profile reply --seconds 20
    python -m loadtest.benchmarks.profile --base v0.1.0   # another commit, into a folder of its name

`send`: 100 users send over HTTP, no worker. `reply`: 100 users in conversation, a model of 40 tokens in one second inside the worker.
Of each process there is an .svg to be looked at and a .txt of the stacks, one a line with its samples. Only threads that hold Python's
lock are in them: none that waits, and no system call that lets the lock go. py-spy cannot tell a waiting thread from a busy one everywhere.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from loadtest.benchmarks.checkout import ROOT, Checkout, WrongCheckoutError, checked_out, this_tree
from loadtest.benchmarks.clients_process import WARM_UP_S, Clients, clients
from loadtest.benchmarks.paced_model import TEXT
from loadtest.benchmarks.servers import Service, imcore
from loadtest.benchmarks.whole_path.http_sends import USERS
from loadtest.benchmarks.whole_path.replies import MODEL

FOLDER = ROOT / "build" / "profiles"
SECONDS = 10
RATE_HZ = 200
FORMATS = {"flamegraph": "svg", "raw": "txt"}
OURS = ("api", "worker")

Load = tuple[Service, Clients]


class ProfileError(Exception):
    """py-spy failed; the text has its words."""


@contextmanager
def sends(code: Checkout) -> Iterator[Load]:
    with imcore(code, workers=0) as service, clients("http-sends", port=service.port, users=USERS, service="imcore") as load:
        yield service, load


@contextmanager
def replies(code: Checkout) -> Iterator[Load]:
    options: Mapping[str, object] = {"users": USERS, "service": "imcore", "expected": TEXT}
    with imcore(code, settings={"LLM": MODEL}) as service, clients("conversations", port=service.port, **options) as load:
        yield service, load


PATHS: Mapping[str, Callable[[Checkout], AbstractContextManager[Load]]] = {"send": sends, "reply": replies}


def profile(path: str, code: Checkout, folder: Path, seconds: int) -> list[Path]:
    """Both formats one after the other, all processes at the same time; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    with PATHS[path](code) as (service, load):
        load.start()
        time.sleep(WARM_UP_S)
        pids = {name: pid for name, pid in service.pids.items() if name.startswith(OURS)}
        written: list[Path] = []
        for format_, suffix in FORMATS.items():
            files = {folder / f"{path}-{name}.{suffix}": pid for name, pid in pids.items()}
            _record(files, format_, seconds)
            written += files
            if suffix == "svg":
                _close_off(files, code)
        answer = load.end()
    if answer.figures["failures"]:
        raise ProfileError(f"the load failed: {answer.problems}")
    return written


def _record(files: Mapping[Path, int], format_: str, seconds: int) -> None:
    program = Path(sys.executable).parent / "py-spy"
    options = ["--duration", str(seconds), "--rate", str(RATE_HZ), "--format", format_, "--function", "--gil"]
    recordings = [
        subprocess.Popen(  # noqa: S603  (our own)
            [program, "record", *options, "--pid", str(pid), "--output", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for path, pid in files.items()
    ]
    said = [recording.communicate()[0] for recording in recordings]  # all of them end before one is complained of
    for recording, words in zip(recordings, said, strict=True):
        if recording.returncode:
            raise ProfileError(f"{words}\npy-spy has to be allowed to look into other processes: as root, or kernel.yama.ptrace_scope=0")


def _close_off(files: Iterable[Path], code: Checkout) -> None:
    """Title it, and take out every address but those that name XML's own: a browser shows it without asking anybody."""
    for path in files:
        svg = re.sub(r"<!DOCTYPE[^>]*>|<!--.*?-->", "", path.read_text(), flags=re.DOTALL)
        svg = re.sub(r'(?<!=")https?://[^\s"<]+', "", svg)
        path.write_text(re.sub(r'(<text id="title"[^>]*>)[^<]*', rf"\1{code.label}, {path.stem}", svg))


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="loadtest.benchmarks.profile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", nargs="*", metavar="PATH", help=f"{' or '.join(PATHS)}; default: both")
    parser.add_argument("--seconds", type=int, default=SECONDS, help="how long each format is recorded")
    parser.add_argument("--base", metavar="COMMIT", help="the code of another commit instead of this tree's")
    asked = parser.parse_args()
    unknown = set(asked.paths) - set(PATHS)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: there are {', '.join(PATHS)}")
    try:
        with checked_out(asked.base) if asked.base else nullcontext(this_tree()) as code:
            folder = FOLDER / code.label if asked.base else FOLDER
            for path in asked.paths or PATHS:
                print(*(file.relative_to(ROOT) for file in profile(path, code, folder, asked.seconds)), sep="\n", flush=True)
    except (ProfileError, WrongCheckoutError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
