"""A database on a Citus cluster: where each table is, and what makes it so."""
