"""`imcore` with adapters of the kit in place of its own: `python -m loadtest.overridden MODULE serve|worker …`.

Nothing of this is in the service: the module's `override()` names other providers in the container's class, before the command makes one.
"""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> None:
    """Put the module's adapters in place, then be `imcore` with the other arguments."""
    import_module(sys.argv.pop(1)).override()
    from entrypoints.cli import main as imcore  # noqa: PLC0415  (after the overriding)

    imcore()


if __name__ == "__main__":
    main()
