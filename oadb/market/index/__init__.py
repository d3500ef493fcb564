"""Instruments in memory, immutable and compact; knows no database."""
