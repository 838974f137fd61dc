"""The distributed installation with replies asked for in one piece; to be compared with streamed."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="whole", title="distributed, replies in one piece", replies="whole")
