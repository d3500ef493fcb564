"""What a session has done to tables that are there: PostgreSQL says so, not the text of the SQL.

Two snapshots around a statement are compared: the locks that it took, the tables that it read from
one end to the other, those whose file it wrote anew, and the indexes that it built. All of that is
the same for tables without rows, so that an empty database serves.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from oadb.engine.binding.queries import queries
from oadb.engine.single_connection import SingleConnection

query = queries(__name__)

WEAK = "row exclusive"
"""The lock of what writes rows; it stops neither readers nor writers."""

MODES = (
    WEAK,
    "share update exclusive",
    "share",
    "share row exclusive",
    "exclusive",
    "access exclusive",
)
"""Modes of locks that matter, from the weakest to the strongest."""

_NAMES = {"".join(word.title() for word in mode.split()) + "Lock": mode for mode in MODES}

WorkKind = Literal["rewrite", "replace", "index", "scan", "insert", "update"]


@dataclass(frozen=True, slots=True)
class TableState:
    """A table; ``root_name`` is that of the partitioned table that it is a part of, or its own.

    ``scans`` counts how often it was read from one end to the other.
    """

    table_id: int
    root_name: str
    file_node: int
    scans: int


@dataclass(frozen=True, slots=True)
class IndexState:
    """An index with entries."""

    index_id: int
    table_id: int
    index_name: str
    file_node: int


@dataclass(frozen=True, slots=True)
class ColumnState:
    """A column of a table that is no partition."""

    table_id: int
    number: int
    column_name: str


@dataclass(frozen=True, slots=True)
class LockState:
    """A lock on a table; without ``is_granted`` it is waited for."""

    table_id: int
    mode: str
    is_granted: bool


@dataclass(frozen=True, slots=True)
class Work:
    """What is done to the rows of a table, most of which grows with their number.

    rewrite   ALTER TABLE writes all of its rows and indexes again
    replace   it gets another file otherwise: TRUNCATE empties it, CLUSTER writes all rows again
    index     an index is built, or built again
    scan      all rows are read
    insert    rows are added
    update    rows are changed or deleted; they are locked until the transaction ends
    """

    kind: WorkKind
    table_name: str
    index_name: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Tables and indexes by their ids, and the strongest lock on each table, as a mode.

    ``rewritten`` has the ids of the tables that the session wrote again so far, in order.
    """

    tables: Mapping[int, TableState]
    indexes: Mapping[int, IndexState]
    locks: Mapping[int, str]
    rewritten: tuple[int, ...]


@query
def _note_rewrites() -> None: ...


@query
def _list_rewritten() -> list[int]: ...


@query
def _list_tables() -> list[TableState]: ...


@query
def _list_indexes() -> list[IndexState]: ...


@query
def _list_columns() -> list[ColumnState]: ...


@query
def _list_locks(pid: int) -> list[LockState]: ...


@query
def flush_statistics() -> str: ...


@query
def stop_writers() -> None: ...


@query
def show_lock_timeout() -> str: ...


query.complete()


def prepare(session: SingleConnection) -> None:
    """Have the session note which tables are written again; as a superuser, once in a session."""
    _note_rewrites(session)


def take(session: SingleConnection, pid: int) -> Snapshot:
    """Return what is there now, and what the session with this *pid*, its own, has locked."""
    return Snapshot(
        {each.table_id: each for each in _list_tables(session)},
        {each.index_id: each for each in _list_indexes(session)},
        strongest(_list_locks(session, pid)),
        tuple(_list_rewritten(session)),
    )


def columns(session: SingleConnection) -> dict[tuple[int, int], str]:
    """Return the names of all columns, by the ids of their tables and their numbers."""
    return {(each.table_id, each.number): each.column_name for each in _list_columns(session)}


def locks_of(session: SingleConnection, pid: int) -> list[LockState]:
    """Return the locks that a session holds or waits for, of every mode."""
    return _list_locks(session, pid)


def strongest(locks: list[LockState]) -> dict[int, str]:
    """Return the strongest mode on each table, of those that matter."""
    found: dict[int, str] = {}
    for each in locks:
        if each.mode in _NAMES:
            mode = _NAMES[each.mode]
            found[each.table_id] = stronger(mode, found.get(each.table_id, mode))
    return found


def stronger(one: str, other: str) -> str:
    """Return the stronger of two modes."""
    return max(one, other, key=MODES.index)


def new_locks(before: Snapshot, after: Snapshot, known: Mapping[int, str]) -> dict[str, str]:
    """Return what was locked, or locked more strongly: the modes by the names of tables.

    Args:
        known: the names of the tables that are meant, by their ids.
    """
    found: dict[str, str] = {}
    for table_id, mode in after.locks.items():
        held = before.locks.get(table_id)
        if table_id in known and (held is None or stronger(held, mode) != held):
            name = known[table_id]
            found[name] = stronger(mode, found.get(name, mode))
    return found


def works(before: Snapshot, after: Snapshot, known: Mapping[int, str]) -> list[Work]:
    """Return what was done to the tables with *known* ids that grows with their rows, once each."""
    found: dict[Work, None] = {}
    for table_id, name in known.items():
        old, new = before.tables.get(table_id), after.tables.get(table_id)
        if old is not None and new is not None:
            found |= dict.fromkeys(_works(old, new, name, before, after))
    return [*found]


def _works(
    old: TableState, new: TableState, name: str, before: Snapshot, after: Snapshot
) -> Iterator[Work]:
    """Of a table; what is part of a larger work is not named beside it."""
    if new.file_node != old.file_node:
        noted = new.table_id in after.rewritten[len(before.rewritten) :]
        yield Work("rewrite" if noted else "replace", name)
        return
    built = [
        each
        for each in after.indexes.values()
        if each.table_id == new.table_id and _is_built(each, before)
    ]
    for each in built:
        yield Work("index", name, each.index_name)
    if new.scans > old.scans and not built:
        yield Work("scan", name)


def _is_built(index: IndexState, before: Snapshot) -> bool:
    earlier = before.indexes.get(index.index_id)
    return earlier is None or earlier.file_node != index.file_node


def dropped(
    before: Mapping[tuple[int, int], str],
    after: Mapping[tuple[int, int], str],
    known: Mapping[int, str],
) -> list[str]:
    """Return which tables with *known* ids are gone, and which columns of those that stay."""
    stay = {table_id for table_id, _ in after}
    gone = [(key, name) for key, name in before.items() if key[0] in known and key not in after]
    tables = dict.fromkeys(known[table_id] for (table_id, _), _ in gone if table_id not in stay)
    return [f"table {name}" for name in tables] + [
        f"column {known[table_id]}.{name}" for (table_id, _), name in gone if table_id in stay
    ]
