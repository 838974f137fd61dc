"""What a LangChain Runnable is given, found out from the input that it declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from langchain_core.runnables import Runnable, RunnableSequence
from pydantic.errors import PydanticUserError

from adapters.llm.closable import as_json
from adapters.llm.errors import WrongLLMSettingsError
from imcore.prompt import Prompt, Role

ToInput = Callable[[Prompt], Any]

_KINDS: Mapping[Role, type[BaseMessage]] = {Role.SYSTEM: SystemMessage, Role.USER: HumanMessage, Role.ASSISTANT: AIMessage}


def messages_of(prompt: Prompt) -> list[BaseMessage]:
    """The prompt as LangChain's messages, in the same order."""
    return [_KINDS[line.role](content=line.content) for line in prompt]


def is_graph(runnable: Runnable[Any, Any]) -> bool:
    """Whether it is a compiled LangGraph graph, agents included; langgraph itself need not be installed."""
    return hasattr(runnable, "stream_mode")


def input_of(runnable: Runnable[Any, Any]) -> ToInput:
    """How to make the Runnable's input of a prompt.

    | it declares                                      | it is given                                              |
    |--------------------------------------------------|----------------------------------------------------------|
    | messages, or nothing                             | the list of messages                                     |
    | a dict with `messages`, or it is a graph         | `{"messages": [all of them]}`                            |
    | a string                                         | the text of the last message                             |
    | a dict with one variable                         | `{variable: text of the last message}`                   |
    | a dict with one variable and one list            | the same, and the messages before the last in the list   |
    | a dict with one list                             | `{list: [all messages]}`                                 |

    Raises:
        WrongLLMSettingsError: it wants variables whose meaning nobody can guess.
    """
    if is_graph(runnable.first if isinstance(runnable, RunnableSequence) else runnable):
        return _as_state
    schema = _declared(runnable)
    if schema.get("type") == "string":
        return _last_text
    if schema.get("type") != "object" and "properties" not in schema:
        return messages_of
    return _of_variables(schema.get("properties", {}), schema.get("required", ()))


def described(to_input: ToInput, prompt: Prompt) -> dict[str, object]:
    """The input as JSON, for the record of what was sent."""
    if to_input is messages_of:
        return {"messages": as_json(prompt)}
    given = to_input(prompt)
    if isinstance(given, str):
        return {"messages": as_json(prompt[-1:])}
    variables = {name: value for name, value in given.items() if isinstance(value, str)} if isinstance(given, dict) else {}
    has_list = not isinstance(given, dict) or len(variables) < len(given)
    return {"messages": as_json(prompt if has_list else prompt[-1:])} | ({"variables": variables} if variables else {})


def _declared(runnable: Runnable[Any, Any]) -> Mapping[str, Any]:
    try:
        return runnable.get_input_jsonschema()
    except PydanticUserError:  # its types have no JSON schema; messages are what most Runnables take
        return {}


def _of_variables(properties: Mapping[str, Any], required: object) -> ToInput:
    if "messages" in properties or not properties:
        return _as_state
    lists = [name for name, schema in properties.items() if schema.get("type") == "array"]
    texts = [name for name in properties if name not in lists and isinstance(required, list) and name in required]
    match lists, texts:
        case [], [text]:
            return lambda prompt: {text: _last_text(prompt)}
        case [history], [text]:
            return lambda prompt: {text: _last_text(prompt), history: messages_of(prompt[:-1])}
        case [history], []:
            return lambda prompt: {history: messages_of(prompt)}
        case _:
            wanted = ", ".join([*texts, *lists]) or ", ".join(properties)
            raise WrongLLMSettingsError(
                f"IM_LLM: the Runnable wants the variables {wanted}. Accepted are: a list of messages; a dict with `messages`; "
                "a dict with one variable for the user's text and, if you like, one list for the messages before it."
            )


def _as_state(prompt: Prompt) -> dict[str, list[BaseMessage]]:
    return {"messages": messages_of(prompt)}


def _last_text(prompt: Prompt) -> str:
    return prompt[-1].content
