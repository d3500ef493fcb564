"""The contract of a COPY of rows: the fields of its class are the columns that it copies."""

from collections.abc import Iterator

from oadb.engine.binding import copies
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.values import ValueType
from oadb.engine.executors import Runner
from oadb.tools import catalog
from oadb.tools.contract.types import misfits, type_map


def compare_table(db: Runner, declared: Declaration) -> Iterator[str]:
    """Compare the rows that a COPY stores with its table; yield every disagreement.

    Blocks of text and tuples have no types to compare.
    """
    table = copies.copied_table(declared.statement)
    if declared.row_encoder is None or table is None:
        return
    columns = {column.name: column for column in catalog.list_columns(db, table)}
    if not columns:
        yield f"there is no table {table}"
        return
    types = type_map(db, tuple(column.type_id for column in columns.values()))
    for name, kind in declared.row_encoder.fields.items():
        column = columns.get(name)
        if column is None:
            yield f"{table} has no column {name}"
        else:
            for fault in misfits(db, types[column.type_id], kind):
                yield f"column {column.name} is declared as {kind}, but is {fault}"
            yield from _compare(column, kind)


def _compare(column: catalog.TableColumn, kind: ValueType) -> Iterator[str]:
    if not column.is_writable:
        yield f"column {column.name} is generated: nothing can be stored in it"
    if kind.optional and column.is_not_null:
        yield f"column {column.name} is declared as {kind}, but cannot be null"
