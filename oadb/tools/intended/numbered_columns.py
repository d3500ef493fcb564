"""Which columns a Citus cluster fills with numbers, so that writers of a table may name them."""

from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity import optional_statements
from oadb.tools.scale.citus_presence import find_citus_version

query = queries(__name__, folder=optional_statements.FOLDER)


@dataclass(frozen=True, slots=True)
class NumberedColumn:
    """The identity column of a distributed table, as SQL names both."""

    table_name: str
    column_name: str


@query
def _list_numbered() -> list[NumberedColumn]: ...


query.complete()


def of_tables(tx: Runner) -> dict[str, str]:
    """Return the column of each table that has one; empty where there is no cluster."""
    if find_citus_version(tx) is None:
        return {}
    return {each.table_name: each.column_name for each in _list_numbered(tx)}
