"""The domain of imcore: messages, AI replies and the ports to the outside. Standard library only."""
