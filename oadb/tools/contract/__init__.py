"""The contract check: declarations of queries compared with the database."""
