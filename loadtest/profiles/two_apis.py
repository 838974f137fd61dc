"""The distributed installation with a second API process."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="two-apis", title="PostgreSQL, Celery and Redis, two APIs and one worker", apis=2)
