"""A service whose work is done by workers: the example of docs/workers.md."""
