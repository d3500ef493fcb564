"""Logs: what was called, analyzed and measured; stored in batches, redacted, and counted."""
