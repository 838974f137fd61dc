import asyncio

from adapters.memory.in_process import in_process
from adapters.memory.llm_client import MemoryLLMClient
from imcore.events import ReplyCompleted, ReplyEvent


async def main() -> None:
    async with in_process(MemoryLLMClient()) as im:
        events: asyncio.Queue[tuple[str, ReplyEvent]] = asyncio.Queue()
        im.notifier.listen(on_event=lambda *event: events.put_nowait(event))
        await im.send("alice", "Hello, imcore!")
        while not isinstance((await events.get())[1], ReplyCompleted):
            pass
        for message in (await im.history.messages("alice")).items:
            print(message.seq, message.msg_type, message.msg_content)


asyncio.run(main())
