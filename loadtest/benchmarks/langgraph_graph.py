"""The graph that LangGraph's server runs: one node, which calls the model of the benchmarks. It imports nothing of imcore.

The conversation is the state, kept by the server's checkpointer.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, MessagesState, StateGraph  # type: ignore[import-not-found]  # in an environment of its own

from loadtest.benchmarks.paced_model import model


async def reply(state: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [await model.ainvoke(state["messages"])]}


graph = StateGraph(MessagesState).add_node("reply", reply).add_edge(START, "reply").compile()
