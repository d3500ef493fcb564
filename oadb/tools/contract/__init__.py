"""The contract between declarations and database."""
