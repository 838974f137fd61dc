"""Chains to start from: `IM_LLM=examples.pirate_chain:chain make run`."""
