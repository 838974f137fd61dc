"""The embedded service: SQLite, and the replies written in the API's own process."""

from loadtest.profiles.profile import Profile

PROFILE = Profile(
    name="embedded",
    title="SQLite, one process",
    store="sqlite",
    queue="in-process",
    push="in-process",
    workers=0,
)
