"""Root keys: whether the key ring and the database fit."""
