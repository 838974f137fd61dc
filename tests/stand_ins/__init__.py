"""Stand-ins for the outside world: servers that answer as told, and chains for IM_LLM."""
