"""Logs of API calls, analyzed orders, HTTP requests and latency: redacted, stored, counted."""
