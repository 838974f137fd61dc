"""A planted defect: the suite has to count doubled replies."""

from dataclasses import replace

from loadtest.broken.load import QUICK
from loadtest.profiles.embedded import PROFILE as EMBEDDED

PROFILE = replace(
    EMBEDDED,
    name="broken-doubled-reply",
    title="broken on purpose: one reply in a thousand comes twice",
    load=QUICK,
    overrides="loadtest.broken.doubled_reply",
)
