"""Random times, so that processes and connections do not all do the same at once.

They come from the operating system, not from Python's shared generator: where a program seeds that,
all its processes would wait equally long, and what the program draws from it would depend on oadb.
"""

from random import SystemRandom

_random = SystemRandom()


def between(least: float, most: float) -> float:
    """Return a time between two others, in seconds."""
    return _random.uniform(least, most)
