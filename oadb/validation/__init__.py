"""Input from callers: rules for arguments, owners, documents, and rows that may be refused."""
