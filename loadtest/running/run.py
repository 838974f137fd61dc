"""One run on an installation that is up: users come, talk and leave; what they and the parts have shown becomes a result."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from loadtest.result import FORMAT, Moment, Result
from loadtest.running.installation import Installation
from loadtest.running.load import Load, Model
from loadtest.running.machine import machine
from loadtest.running.samples import sample
from loadtest.running.summary import CLIENT, MODEL, Second, summary
from loadtest.running.users import Users
from loadtest.verdict import Limits, verdict

Tell = Callable[[Moment], None]
"""Is told every second."""


def run(installation: Installation, load: Load, model: Model, limits: Limits, tell: Tell) -> Result:
    """Blocks until the last user has settled. Raises `UsersFailedError` if they end without their counts."""
    started_at, begun_at = datetime.now(UTC), time.monotonic()
    pids = {part: server.pid for part, server in installation.parts.items()} | {MODEL: installation.model.pid}
    before = begun = sample(pids, installation.apis)
    seconds: list[Second] = []
    with Users(installation, load, model) as users:
        for told in users.seconds():
            now = sample(pids | {CLIENT: users.pid}, installation.apis)
            seconds.append(Second(told.moment(now, before), now))
            tell(seconds[-1].moment)
            before = now
        final = users.final()
    figures = summary(load, begun, seconds, final)
    audit = installation.audit()
    return {
        "format": FORMAT,
        "profile": {
            "name": installation.profile.name,
            "title": installation.profile.title,
            "adapters": installation.profile.adapters,
            "settings": installation.profile.environment,
        },
        "load": load.as_json(),
        "model": model.as_json(),
        "machine": machine(installation),
        "started_at": started_at.isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - begun_at, 1),
        "counts": final.counts,
        "failed_by_code": final.failed_by_code,
        "rejected_by_code": final.rejected_by_code,
        "examples": final.examples,
        "summary": figures,
        "series": [second.moment for second in seconds],
        "audit": audit,
        "verdict": verdict(final.counts, figures, audit, limits),
    }
