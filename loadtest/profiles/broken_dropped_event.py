"""A planted defect: the suite has to find gaps in the texts."""

from dataclasses import replace

from loadtest.broken.load import QUICK
from loadtest.profiles.embedded import PROFILE as EMBEDDED

PROFILE = replace(
    EMBEDDED,
    name="broken-dropped-event",
    title="broken on purpose: one event in a thousand is lost",
    load=QUICK,
    overrides="loadtest.broken.dropped_event",
)
