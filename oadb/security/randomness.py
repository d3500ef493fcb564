"""Whether the bytes of a key can have been made by chance."""

from itertools import pairwise

_FEWEST_VALUES = 16
_PRINTABLE = range(0x20, 0x7F)


def fault_of(root: bytes) -> str | None:
    """Return what shows that 32 bytes were not made by chance, or None.

    Of random bytes it refuses fewer than one in 2^40.
    """
    if len(set(root)) == 1:
        return "is one byte repeated"
    if any(root[size:] == root[:-size] for size in range(1, len(root) // 2 + 1)):
        return "repeats itself"
    if len({(after - before) % 256 for before, after in pairwise(root)}) == 1:
        return "counts up or down"
    if len(set(root)) < _FEWEST_VALUES:
        return "has few different bytes"
    if all(byte in _PRINTABLE for byte in root):
        return "is a text"
    return None
