"""The stand-in model by itself: its replies, which nobody stores and nobody sends."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from typing import Any

from langchain_core.messages import HumanMessage

from loadtest.benchmarks.clients.tally import Tally
from loadtest.benchmarks.paced_model import TEXT, model
from loadtest.benchmarks.parts.work.tasks_load import TasksLoad


class PacedReplies(TasksLoad):
    """`callers` closed loops, a reply each time. Counts `replies`.

    They begin together and stay in step, so that their timers share turns of the loop: the least that the model can cost.
    """

    def __init__(self, tally: Tally, *, callers: int) -> None:
        super().__init__(tally)
        self._count = callers

    async def connect(self) -> None:
        """With the first reply: whatever is imported late is imported then."""
        await self._read()

    def callers(self) -> Iterable[Coroutine[Any, Any, None]]:
        return (self._call() for _ in range(self._count))

    async def closed(self) -> None:
        """Nothing was opened."""

    async def _call(self) -> None:
        while not self.is_stopped:
            await self._read()
            self.tally.count("replies")

    async def _read(self) -> None:
        text = ""
        async for chunk in model._astream([HumanMessage("Hello")]):  # noqa: SLF001  (past what LangChain does around it, which is the server's part)
            text += chunk.text
        if text != TEXT:
            self.tally.fail(repr(text))
