"""Plans of statements, and databases that plan as if their tables had a given size."""
