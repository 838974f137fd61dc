"""The upper bound: the embedded service with a store that keeps nothing."""

from dataclasses import replace

from loadtest.profiles.embedded import PROFILE as EMBEDDED

PROFILE = replace(
    EMBEDDED, name="memory", title="a store in memory, one process: the upper bound", store="memory", overrides="loadtest.memory_store"
)
