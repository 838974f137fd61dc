"""The distributed installation with the lean client of the model; to be compared with chat-openai."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="lean", title="distributed, the model through the lean client", model="lean")
