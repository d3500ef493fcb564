"""A PostgreSQL of one's own, for development, demos and tests: no root, no Docker, no port."""
