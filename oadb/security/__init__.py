"""Key rings, sealed columns, tokens and their digests, passwords, IP addresses, and Secret."""
