"""Readers of brokers' instrument files: each turns one format into instruments.Instrument."""
