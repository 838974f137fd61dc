"""In-process adapters of every port: for tests, for embedding, and the queue and push of embedded mode."""
