"""Which tables, columns and functions each statement uses, and what follows from it."""
