"""Instruments: loads from brokers' files, lookups, search, and an index in memory."""
