"""Instruments in memory, immutable and compact; does not use the database."""
