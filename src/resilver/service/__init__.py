"""The service: a queue that survives anything, workers, and an HTTP API (the extra `serve`)."""
