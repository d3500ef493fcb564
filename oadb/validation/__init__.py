"""Input from callers: JSON documents, time zones, and rows that the server may refuse."""
