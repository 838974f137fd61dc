"""The distributed installation with LangChain's client of the model; to be compared with lean."""

from dataclasses import replace

from loadtest.profiles.distributed import PROFILE as DISTRIBUTED

PROFILE = replace(DISTRIBUTED, name="chat-openai", title="distributed, the model through LangChain's ChatOpenAI", model="chat-openai")
