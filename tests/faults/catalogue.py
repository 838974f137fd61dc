"""All faults by name, in the order in which they are run."""

from __future__ import annotations

from tests.faults import apis, clients, database, embedded, mix, model, redis, workers
from tests.faults.fault import Fault

_KINDS = (workers, apis, redis, database, model, clients, embedded, mix)

CATALOGUE: dict[str, Fault] = {fault.name: fault for kind in _KINDS for fault in kind.FAULTS}
