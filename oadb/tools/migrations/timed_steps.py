"""Says when a step of a run begins, and when it has ended and how long it took."""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic


@contextmanager
def timed(tell: Callable[[str], None], doing: str, done: str, what: str) -> Generator[None]:
    """Call *tell* with a line before the block, and with one after it, unless it raises."""
    tell(f"{doing} {what}")
    begun = monotonic()
    yield
    tell(f"{done} {what} in {monotonic() - begun:.1f} s")
