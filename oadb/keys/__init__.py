"""Root keys: whether the key ring fits the database, and sealing rows again when keys rotate."""
