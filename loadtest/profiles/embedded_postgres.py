"""PostgreSQL, and the replies written in the API's own process; no Redis."""

from dataclasses import replace

from loadtest.profiles.embedded import PROFILE as EMBEDDED

PROFILE = replace(EMBEDDED, name="embedded-postgres", title="PostgreSQL, one process, no Redis", store="postgresql")
