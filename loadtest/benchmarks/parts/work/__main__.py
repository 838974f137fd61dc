"""One part, at the command of the process that started it."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import uvloop

from loadtest.benchmarks.clients.__main__ import KINDS, obey


def main() -> None:
    kind = sys.argv[1]
    module, _, name = kind.partition(":")
    KINDS[kind] = getattr(import_module(f"loadtest.benchmarks.parts.work.{module}"), name)  # imported late: each needs another library
    uvloop.run(obey(kind, json.loads(sys.argv[2])))


if __name__ == "__main__":
    main()
