"""A planted defect: the suite has to count messages out of order."""

from dataclasses import replace

from loadtest.broken.load import QUICK
from loadtest.profiles.embedded import PROFILE as EMBEDDED

PROFILE = replace(
    EMBEDDED,
    name="broken-swapped-messages",
    title="broken on purpose: one message in a thousand changes places with the next",
    load=QUICK,
    overrides="loadtest.broken.swapped_messages",
)
