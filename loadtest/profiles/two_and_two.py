"""The distributed installation with two of each."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="two-and-two", title="PostgreSQL, Celery and Redis, two APIs and two workers", apis=2, workers=2)
