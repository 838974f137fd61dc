"""A PostgreSQL whose data stays from one run to the next."""

from __future__ import annotations

import argparse
import shutil
import signal
from pathlib import Path

from tests.servers import PostgresServer

FIXED_SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "8GB",
    "work_mem": "16MB",
    "max_wal_size": "4GB",
    "jit": "off",
    "autovacuum": "off",  # its CPU would be counted; `grown` does its work before a run
}
"""The same whatever the size of the data. Storage is a solid-state disk: random_page_cost is said to be close to 1."""

DURABLE = {"random_page_cost": "1.1"}
LOADING = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "maintenance_work_mem": "1GB",
}


class KeptPostgres(PostgresServer):
    """In `data_dir`, which is made by the first start and stays. With `loading` a crash of the machine may ruin the data."""

    def __init__(self, data_dir: Path, *, loading: bool = False, port: int | None = None) -> None:
        super().__init__()
        shutil.rmtree(self.folder)
        data_dir.mkdir(parents=True, exist_ok=True)
        self.folder = data_dir
        self.port = port or self.port
        self._log = data_dir / "log"
        self._settings = FIXED_SETTINGS | (LOADING if loading else DURABLE)

    def close(self) -> None:
        """Stop it; the folder stays."""
        self.stop()

    def _prepare(self) -> None:
        if (self._data / "PG_VERSION").exists():
            self._leave_root()
        else:
            super()._prepare()

    def _command(self) -> list[str | Path]:
        return [*super()._command(), *(f"--{name}={value}" for name, value in self._settings.items())]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--data-dir", type=Path, required=True)
    options.add_argument("--port", type=int)
    options.add_argument("--loading", action="store_true", help="without durability, for `generate`")
    asked = options.parse_args()
    with KeptPostgres(asked.data_dir, loading=asked.loading, port=asked.port) as server:
        print(f"{server.name} {server.version} on {server.url}, data in {asked.data_dir}; Ctrl-C stops it", flush=True)
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
