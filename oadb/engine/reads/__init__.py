"""Reads on replicas: which one runs a statement, what it must have replayed, and who is told."""
