"""Whether a layout fits the tables of a database: each table is in it, and can be placed so."""

from collections.abc import Iterator
from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.scale.layout_file import Layout, TablePlacement

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class LaidTable:
    """A table of the database.

    Attributes:
        name: With its schema: ``shop.orders``.
        required_columns: Those that are not null.
        triggers: The names of its own, not those of foreign keys.
        referred_tables: Those that its foreign keys lead to.
    """

    name: str
    required_columns: list[str]
    triggers: list[str]
    referred_tables: list[str]


@dataclass(frozen=True, slots=True)
class UniqueColumns:
    """A unique index and its columns."""

    table_name: str
    name: str
    columns: list[str]


@query
def _list_tables(schemas: list[str]) -> list[LaidTable]: ...


@query
def _list_uniques(schemas: list[str]) -> list[UniqueColumns]: ...


query.complete()


@dataclass(frozen=True, slots=True)
class PlacedTables:
    """The tables of the schemas that a layout is about."""

    tables: list[LaidTable]
    uniques: list[UniqueColumns]


def look(db: Runner, layout: Layout) -> PlacedTables:
    """Read what the database has in the schemas of a layout."""
    schemas = sorted({name.partition(".")[0] for name in layout})
    return PlacedTables(_list_tables(db, schemas), _list_uniques(db, schemas))


def faults(layout: Layout, found: PlacedTables) -> Iterator[str]:
    """Yield what of a layout does not fit the tables, each with what to do."""
    known = {each.name for each in found.tables}
    for name in layout:
        if name not in known:
            yield f"{name} is in the layout and does not exist: remove it there"
    for table in found.tables:
        if table.name not in layout:
            yield f"{table.name} is not in the layout: say there where it is placed, and why"
            continue
        yield from _faults_of(layout[table.name], table, layout)
    for unique in found.uniques:
        place = layout.get(unique.table_name)
        if place is not None and place.now == "distributed" and place.by not in unique.columns:
            yield (
                f"{place.table}: {unique.name} is unique without {place.by}, which no shard can "
                f"promise; add {place.by} to it, or place the table otherwise"
            )


def _faults_of(place: TablePlacement, table: LaidTable, layout: Layout) -> Iterator[str]:
    if place.by and place.by not in table.required_columns:
        yield f"{table.name}: by names {place.by}, which is no column of it that is not null"
    if place.now == "coordinator":
        return
    if table.triggers:
        yield (
            f"{table.name} has triggers ({', '.join(table.triggers)}), which would run on workers, "
            "where what they write is not: keep the table back, or drop them"
        )
    for name in table.referred_tables:
        other = layout.get(name)
        if other is not None and other.now == "coordinator":
            yield (
                f"{table.name} refers to {name}, which stays on the coordinator: keep it back too"
            )
