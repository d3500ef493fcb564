"""The counters of pg_stat_statements, as they stand at a moment."""

from dataclasses import dataclass
from datetime import datetime

from oadb.engine.binding.queries import queries
from oadb.engine.database import Database
from oadb.errors import UnavailableError
from oadb.tools.activity import optional_statements, server_findings

query = queries(__name__, folder=optional_statements.FOLDER)


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """The counters of a statement of one role in one database since they were reset.

    ``label`` is None for a statement that no file of queries names. ``is_hidden``: it is another
    role's, and this one may not see which. Blocks are of 8 KB.
    """

    key: str
    label: str | None
    is_hidden: bool
    calls: int
    total_ms: float
    rows: int
    hits: int
    reads: int
    temporary_blocks: int
    wal_bytes: int


@dataclass(frozen=True, slots=True)
class CounterHistory:
    """When counters were reset, how often rare entries were dropped, and the role of the caller."""

    reset_at: datetime
    evictions: int
    capacity: int
    taken_at: datetime
    role_name: str


@dataclass(frozen=True, slots=True)
class CounterSnapshot:
    """All entries at a moment. Entries of other roles that are hidden share keys."""

    history: CounterHistory
    entries: tuple[StatementEntry, ...]


@query
def _look_in(schema_name: str) -> str: ...


@query
def _list_entries() -> list[StatementEntry]: ...


@query
def _get_history() -> CounterHistory: ...


query.complete()


def take(db: Database) -> CounterSnapshot:
    """Read the counters of the whole server.

    Raises:
        UnavailableError: the server does not count statements, or this database does not show them.
    """
    found = server_findings.find_statement_statistics(db)
    obstacle = server_findings.explain_missing(db, found)
    if obstacle is not None or found.schema_name is None:
        raise UnavailableError(str(obstacle))
    with db.transaction(read_only=True) as tx:
        _look_in(tx, found.schema_name)
        history = _get_history(tx)
        return CounterSnapshot(history, tuple(_list_entries(tx)))
