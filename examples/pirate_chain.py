"""A chain of one's own in ten lines. It needs no network and no key:

    IM_LLM=examples.pirate_chain:chain make run

`IM_LLM` names any LangChain Runnable. This one is a prompt and a generator; put a chat model in the generator's place and it is real.
The conversation so far arrives as `messages`, what the generator yields streams to the user.
"""

import asyncio
from collections.abc import AsyncIterator

from langchain_core.prompt_values import PromptValue
from langchain_core.prompts import ChatPromptTemplate


async def pirate(prompts: AsyncIterator[PromptValue]) -> AsyncIterator[str]:
    async for prompt in prompts:
        for word in f"Arr! Ye said: {prompt.to_messages()[-1].text}. Hoist the sails, matey!".split():
            await asyncio.sleep(0.03)
            yield f"{word} "


chain = ChatPromptTemplate.from_messages([("system", "You are a pirate."), ("placeholder", "{messages}")]) | pirate
