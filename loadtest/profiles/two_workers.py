"""The distributed installation with a second worker."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="two-workers", title="PostgreSQL, Celery and Redis, one API and two workers", workers=2)
