"""An installation of a profile on loopback: every part a process of its own, all gone when the block is left, however it is left."""

from __future__ import annotations

import json
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from entrypoints.settings import Settings
from loadtest.profiles import Profile
from loadtest.running.databases import database
from loadtest.running.load import Model
from loadtest.running.stand_in import StandInModel
from tests.servers import Server, ValkeyServer
from tests.servers.imcore import COMMAND, ApiProcess, ImcoreProcess, WorkerProcess

GENEROUS: Mapping[str, str] = {
    "RATE_LIMIT": "off",
    "MAX_PENDING_REPLIES_PER_USER": "10000",
    "MAX_QUEUE_DEPTH": "100000",
    "LOG_LEVEL": "WARNING",
    "GUEST_ACCESS": "false",
}
"""No limit of the service shall be what is measured."""


class _Api(ApiProcess):
    """One that may take its time to start: several do at once, on a machine that may be busy."""

    start_timeout_s: ClassVar[float] = 120


class _Worker(WorkerProcess):
    start_timeout_s: ClassVar[float] = 120


@dataclass(frozen=True)
class Installation:
    """`parts` are the servers by name: their CPU and memory are what a run costs. The model is none of them."""

    profile: Profile
    parts: Mapping[str, Server]
    model: StandInModel

    @property
    def apis(self) -> Sequence[ApiProcess]:
        return [part for part in self.parts.values() if isinstance(part, ApiProcess)]

    @property
    def processes(self) -> Sequence[ImcoreProcess]:
        return [part for part in self.parts.values() if isinstance(part, ImcoreProcess)]

    def audit(self) -> dict[str, int] | None:
        """What `imcore audit` counts, of all that there is; None for a store that no other process can read."""
        if self.profile.store == "memory":
            return None
        counts: dict[str, int] = json.loads(self.apis[0].run("audit", "--older-than", "0", "--json").stdout)
        return counts


class UnknownSettingError(Exception):
    """A profile sets what imcore does not know, so it would measure something else than it says."""


@contextmanager
def started(profile: Profile, model: Model) -> Iterator[Installation]:
    """All of it answers when this is entered. Raises `UnknownSettingError`."""
    if unknown := [name for name in profile.environment if name.lower() not in Settings.model_fields]:
        raise UnknownSettingError(f"{profile.name}: imcore has no setting IM_{' or IM_'.join(unknown)}")
    with ExitStack() as stack:
        stand_in = stack.enter_context(StandInModel(model))
        settings = {**GENEROUS, "LLM_MODEL": "stand-in", "LLM_BASE_URL": stand_in.url, "LLM_API_KEY": "none", **profile.environment}
        servers = _servers(profile, stack, settings)
        processes = _processes(profile, settings)
        for process in processes.values():
            stack.callback(process.close)
        with _killed_at_ctrl_c(processes.values()):
            _start_side_by_side(processes.values())
            yield Installation(profile, {**processes, **servers}, stand_in)


@contextmanager
def _killed_at_ctrl_c(processes: Collection[ImcoreProcess]) -> Iterator[None]:
    """The terminal tells database and Redis, too: they are gone, and a worker would wait for them until its time is up."""
    try:
        yield
    except KeyboardInterrupt:
        for process in processes:
            process.kill()
        raise


def _start_side_by_side(processes: Collection[ImcoreProcess]) -> None:
    with ThreadPoolExecutor() as executor, _killed_at_ctrl_c(processes):
        for started_process in [executor.submit(process.start) for process in processes]:
            started_process.result()


def _servers(profile: Profile, stack: ExitStack, settings: dict[str, str]) -> dict[str, Server]:
    """Database and Redis where the profile has them; their URLs are added to the settings."""
    servers: dict[str, Server] = {}
    server, url = stack.enter_context(database(profile.store))
    if server is not None:
        servers[profile.store] = server
        settings["DATABASE_URL"] = url
    if profile.push == "redis":
        servers["redis"] = redis = stack.enter_context(ValkeyServer())
        settings["REDIS_URL"] = redis.url
    return servers


def _processes(profile: Profile, settings: Mapping[str, str]) -> dict[str, ImcoreProcess]:
    program: Sequence[str | Path] = (sys.executable, "-m", "loadtest.overridden", profile.overrides) if profile.overrides else (COMMAND,)
    apis = {f"api {number}": _Api(settings, program=program) for number in range(1, profile.apis + 1)}
    return {**apis, **{f"worker {number}": _Worker(settings, program=program) for number in range(1, profile.workers + 1)}}
