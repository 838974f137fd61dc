"""`IM_LLM=package.module:attribute`: from a name to a Runnable."""

from __future__ import annotations

import importlib
import inspect
import sys
from functools import reduce
from pathlib import Path
from typing import Any

from langchain_core.runnables import Runnable

from adapters.llm.errors import WrongLLMSettingsError


def load_runnable(target: str) -> Runnable[Any, Any]:
    """The Runnable that `target` names, or that the function without arguments which it names returns.

    The working directory is importable, as with uvicorn and celery.

    Raises:
        WrongLLMSettingsError: there is no such module or attribute, importing it fails, or it is no Runnable.
    """
    module_name, colon, attributes = target.partition(":")
    if not colon or not all(part.isidentifier() for part in [*module_name.split("."), *attributes.split(".")]):
        raise WrongLLMSettingsError(f"IM_LLM={target}: package.module:attribute is wanted, for example examples.pirate_chain:chain.")
    module = _import(module_name, target)
    try:
        found = reduce(getattr, attributes.split("."), module)
    except AttributeError as error:
        raise WrongLLMSettingsError(f"IM_LLM={target}: {error}.") from error
    return _runnable(found, target)


def _import(name: str, target: str) -> Any:
    here = str(Path.cwd())
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return importlib.import_module(name)
    except Exception as error:
        raise WrongLLMSettingsError(f"IM_LLM={target}: importing {name} fails with {type(error).__name__}: {error}") from error


def _runnable(found: Any, target: str) -> Runnable[Any, Any]:
    if not isinstance(found, Runnable) and inspect.isfunction(found) and not inspect.signature(found).parameters:
        try:
            found = found()
        except Exception as error:
            raise WrongLLMSettingsError(f"IM_LLM={target}: calling it fails with {type(error).__name__}: {error}") from error
    if not isinstance(found, Runnable):
        wanted = "a LangChain Runnable is wanted, or a function without arguments that returns one"
        raise WrongLLMSettingsError(f"IM_LLM={target}: {wanted}; it is a {type(found).__name__}.")
    return found
