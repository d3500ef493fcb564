"""Instruments: loaded from brokers' files, looked up, searched, and held in memory."""
