"""Keeps the index of trigrams small: it does not give back the space that loads take."""

from dataclasses import dataclass

from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor

__all__ = ["SearchSize", "get_size", "rebuild"]

query = queries(__name__)

# Of one that is just made, entries take less than twice the bytes of the text, which the table has
# twice: so that a rebuild never leads to the next one.
_MOST_OF_TABLE = 1.5
_LEAST_BYTES = 32 * 2**20


@dataclass(frozen=True, slots=True)
class SearchSize:
    """What the index of trigrams takes on the disk; None: there is none until the next load.

    ``half_built`` names what an interrupted rebuild has left, to be dropped; None: nothing.
    """

    table_bytes: int
    index_bytes: int | None
    half_built: str | None

    def __str__(self) -> str:
        return f"{(self.index_bytes or 0) / 1e6:.1f} MB"

    @property
    def is_wasteful(self) -> bool:
        """Whether a rebuild would make it far smaller: above 32 MB, and 1.5 times the table."""
        bytes_ = self.index_bytes or 0
        return bytes_ > max(_LEAST_BYTES, _MOST_OF_TABLE * self.table_bytes)


@query
def get_size() -> SearchSize:
    """Return how large the index is."""
    ...


@query
def _rebuild() -> None: ...


query.complete()


@operation
async def rebuild(db: AsyncExecutor) -> None:
    """Build the index anew while searches and loads go on; not in a transaction."""
    await _rebuild(db)
