"""The smallest distributed installation: PostgreSQL, Celery over Redis, one API process, one worker."""

from loadtest.profiles.profile import Profile

PROFILE = Profile(name="distributed", title="PostgreSQL, Celery and Redis, one API and one worker")
