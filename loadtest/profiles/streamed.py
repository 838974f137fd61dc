"""The distributed installation with replies streamed token by token; to be compared with whole."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="streamed", title="distributed, replies streamed", replies="stream")
