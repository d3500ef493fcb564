"""Keys, sealed columns, digests, tokens, passwords, and the Secret that holds what they protect."""
