"""The distributed installation on MariaDB."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="mariadb", title="MariaDB, Celery and Redis, one API and one worker", store="mariadb")
