"""Files of statistics: ``sql/statistics/*.json`` of a package, a production shape per table."""

import json
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources.abc import Traversable

from oadb.engine.binding.packages import Package
from oadb.errors import DeclarationError
from oadb.tools.plans.planned_catalog import PlannedCatalog, PlannedTable
from oadb.tools.plans.shape_entries import ShapeEntry
from oadb.tools.plans.table_shapes import Amount, TableShape, read_table

FOLDER = "statistics"


def load(packages: Sequence[Package]) -> dict[str, TableShape]:
    """Return what the files of the packages say, by the names of the tables: ``oadb.users``.

    Raises:
        DeclarationError: a file is not JSON, or says what cannot be; the text names the place.
    """
    found: dict[str, TableShape] = {}
    for package in packages:
        for file in _files(package.sql / FOLDER):
            shown = f"{package.shown}/{FOLDER}/{file.name}"
            for shape in _shapes(shown, file.read_bytes()):
                if shape.name in found:
                    raise DeclarationError(f"{shape.place}: also in {found[shape.name].place}")
                found[shape.name] = shape
    return found


def check(shapes: Mapping[str, TableShape], catalog: PlannedCatalog) -> None:
    """Refuse statistics of what is not in the schema.

    Raises:
        DeclarationError: a table, a column or an index is unknown; the text names the place.
    """
    tables = {str(table): table for table in catalog.tables.values() if table.parent_id is None}
    for shape in shapes.values():
        if shape.name not in tables:
            raise DeclarationError(f"{shape.place}: {_unknown_table(shape.name, catalog)}")
        _check_names(shape, tables[shape.name], catalog)
        for amount in _amounts(shape):
            if amount.table and amount.table not in tables:
                text = f"{amount.table!r} is no table of the packages; name one, with its schema"
                raise DeclarationError(f"{shape.place}: {text}")


def without_statistics(shapes: Mapping[str, TableShape], catalog: PlannedCatalog) -> list[str]:
    """Return the tables of which no file says anything, so that their shape is derived."""
    roots = (str(each) for each in catalog.tables.values() if each.parent_id is None)
    return sorted(name for name in roots if name not in shapes)


def _files(folder: Traversable) -> list[Traversable]:
    if not folder.is_dir():
        return []
    found = (file for file in folder.iterdir() if file.name.endswith(".json"))
    return sorted(found, key=lambda file: file.name)


def _shapes(shown: str, content: bytes) -> Iterator[TableShape]:
    try:
        value: object = json.loads(content, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise DeclarationError(f"{shown} is not valid: {error}") from None
    for name, entry in ShapeEntry(shown, value).each(""):
        yield read_table(name, entry)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} is there twice")
    return found


def _unknown_table(name: str, catalog: PlannedCatalog) -> str:
    schemas = ", ".join(sorted({each.schema_name for each in catalog.tables.values()}))
    partitions = {str(each) for each in catalog.tables.values() if each.parent_id is not None}
    if name in partitions:
        return "this is a partition; say what its whole table has"
    return (
        f"there is no such table in the schemas {schemas}: correct the name, which has its schema "
        "in front, or delete the entry"
    )


def _check_names(shape: TableShape, table: PlannedTable, catalog: PlannedCatalog) -> None:
    own = [index for index in catalog.indexes.values() if index.table_id == table.table_id]
    expressions = {
        f"{index.name}.{each.name}"
        for index in own
        for each in catalog.expressions.get(index.index_id, ())
    }
    columns = {column.name for column in catalog.columns[table.table_id]} | expressions
    for kind, given, known in (
        ("column", shape.columns, columns),
        ("index", shape.indexes, {index.name for index in own}),
    ):
        for name in given:
            if name not in known:
                raise DeclarationError(
                    f"{shape.place}: {kind} {name}: the table has none of this name; "
                    f"known: {', '.join(sorted(known))}"
                )


def _amounts(shape: TableShape) -> Iterator[Amount]:
    yield shape.rows
    for column in shape.columns.values():
        if column.distinct is not None:
            yield column.distinct
    for index in shape.indexes.values():
        if index.keys is not None:
            yield index.keys
