"""Roots of keys for tests: the same in each run, and like random ones."""

from hashlib import sha256


def some_root(number: int) -> bytes:
    return sha256(f"root {number}".encode()).digest()
