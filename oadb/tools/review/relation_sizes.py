"""The sizes of tables and indexes in databases of simulated sizes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools.migrations.live_tables import LiveDatabase, TableSize
from oadb.tools.plans.table_sizes import FEWEST
from oadb.tools.review import catalog_facts


@dataclass(frozen=True, slots=True)
class RelationSizes:
    """The sizes in one database.

    Attributes:
        tables: By their names, with the schema.
        indexes: In bytes, by the name of the table and their own.
    """

    tables: Mapping[str, TableSize]
    indexes: Mapping[tuple[str, str], int]


def read(dsn: Dsn, live: LiveDatabase, schemas: Sequence[str]) -> RelationSizes:
    """Return the sizes of the tables and indexes of schemas.

    Args:
        live: the same database as *dsn*.
    """
    with Database(Config(dsn, pool_size=1, max_overflow=0)) as db:
        found = catalog_facts.list_index_sizes(db, [*schemas])
    indexes = {(each.table_name, each.index_name): each.bytes for each in found}
    # Of a table with few rows, a simulated database has no statistics, as autovacuum makes none.
    tables = {
        name: each if each.rows is not None else replace(each, rows=FEWEST)
        for name, each in live.sizes().items()
    }
    return RelationSizes(tables, indexes)
