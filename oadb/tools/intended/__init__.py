"""The intended schema at each level of migration, and what of a live schema differs from it."""
