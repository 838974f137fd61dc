"""LLMClient over LangChain: any Runnable, any OpenAI-compatible endpoint, and a demo model that needs neither.

Importing this package is cheap: LangChain (1 to 2.4 s) comes with the first client that needs it.
"""

from adapters.llm.closable import ClosableLLMClient
from adapters.llm.errors import WrongLLMSettingsError
from adapters.llm.factory import LLMOptions, build_llm_client

__all__ = ["ClosableLLMClient", "LLMOptions", "WrongLLMSettingsError", "build_llm_client"]
