"""The reviews of tables and views, from the objects of a schema."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from oadb.tools import retention, schema_text
from oadb.tools.review.book_model import (
    ColumnUse,
    IndexReview,
    ScaledSize,
    StatementReview,
    TableColumnReview,
    TableReview,
)
from oadb.tools.review.further_effects import SchemaLinks
from oadb.tools.review.relation_sizes import RelationSizes
from oadb.tools.schema import SchemaObject

_WITH_INDEX = re.compile(r'constraint (?:"(?:[^"]|"")+"|\S+) (?:PRIMARY KEY|UNIQUE|EXCLUDE)\b')
"""How the definitions of constraints begin that have an index."""

_CASCADE = re.compile(r"\bREFERENCES (?P<target>.+?)\(.*\bON DELETE CASCADE", re.IGNORECASE)

_KINDS = frozenset({"table", "view", "materialized view"})


@dataclass(frozen=True, slots=True)
class TableSources:
    """Where the reviews of tables come from; *owners* are the packages of the schemas.

    Attributes:
        sizes: By scale, the most rows first.
    """

    objects: Sequence[SchemaObject]
    owners: Mapping[str, str]
    links: SchemaLinks
    statements: Sequence[StatementReview]
    sizes: Mapping[int, RelationSizes]


def review(sources: TableSources) -> Iterator[TableReview]:
    """Yield the review of each table and view, in the order of their names."""
    parts: dict[str, list[SchemaObject]] = {}
    for each in sources.objects:
        parts.setdefault(each.part_of, []).append(each)
    texts = schema_text.blocks(sources.objects)
    uses = _uses_by_table(sources.statements)
    for each in sources.objects:
        if each.kind in _KINDS:
            yield _review(
                each, parts[each.name], texts[each.name], uses.get(each.name, ()), sources
            )


def _review(
    table: SchemaObject,
    parts: Sequence[SchemaObject],
    text: str,
    uses: Sequence[tuple[str, ColumnUse]],
    sources: TableSources,
) -> TableReview:
    keys = [
        key
        for key in sources.links.foreign_keys
        if table.name in {key.quoted_table, key.quoted_target}
    ]
    return TableReview(
        package=sources.owners.get(table.name.partition(".")[0], ""),
        name=table.name,
        kind=table.kind,
        comment=table.description or "",
        definition=text.partition("\n\n")[2].rstrip(),
        columns=tuple(_columns(table, _of_kind(parts, "column"), uses)),
        constraints=_pairs(parts, "constraint"),
        indexes=tuple(_indexes(table, parts, sources)),
        policies=_pairs(parts, "policy"),
        grants=tuple(each.definition for each in _of_kind(parts, "grant")),
        triggers=tuple(_triggers(table.name, parts, sources.links)),
        foreign_keys=tuple(keys),
        retention="; ".join(_retention(table.name, parts)),
        statements=_statements(uses),
        deleters=tuple(label for label, use in uses if use.is_written and not use.column),
        sizes=tuple(_sizes(table, sources)),
    )


def _sizes(table: SchemaObject, sources: TableSources) -> Iterator[ScaledSize]:
    for scale, sizes in sources.sizes.items():
        found = sizes.tables.get(table.name)
        if found is not None:
            indexes = sum(size for (name, _), size in sizes.indexes.items() if name == table.name)
            yield ScaledSize(scale, found.rows, found.bytes, indexes, found.parts)


def _triggers(
    table: str, parts: Sequence[SchemaObject], links: SchemaLinks
) -> Iterator[tuple[str, str, str]]:
    """Yield each trigger with its definition, and what it does; of one that is switched off, ""."""
    fired = {each.name: each for each in links.triggers if each.quoted_table == table}
    for name, definition in _pairs(parts, "trigger"):
        found = fired.get(_unquoted(name.removesuffix(f" on {table}")))
        yield name, definition, "" if found is None else links.of_trigger(found)


def _of_kind(parts: Iterable[SchemaObject], kind: str) -> list[SchemaObject]:
    return [each for each in parts if each.kind == kind]


def _pairs(parts: Iterable[SchemaObject], kind: str) -> tuple[tuple[str, str], ...]:
    return tuple((each.name, each.definition) for each in _of_kind(parts, kind))


def _columns(
    table: SchemaObject, columns: Iterable[SchemaObject], uses: Sequence[tuple[str, ColumnUse]]
) -> Iterator[TableColumnReview]:
    for each in columns:
        name = each.name.removeprefix(f"{table.name}.")
        own = [(label, use) for label, use in uses if use.column == _unquoted(name)]
        yield TableColumnReview(
            name,
            each.definition,
            each.description or "",
            tuple(dict.fromkeys(label for label, use in own if not use.is_written)),
            tuple(dict.fromkeys(label for label, use in own if use.is_written)),
        )


def _indexes(
    table: SchemaObject, parts: Sequence[SchemaObject], sources: TableSources
) -> Iterator[IndexReview]:
    """Yield the indexes of a table, also those of its constraints."""
    keys = [each for each in _of_kind(parts, "constraint") if _WITH_INDEX.match(each.definition)]
    for each in (*keys, *_of_kind(parts, "index")):
        name = _unquoted(each.name.removesuffix(f" on {table.name}").rpartition(".")[2])
        users = (
            one.label
            for one in sources.statements
            if any(name in plan.every_index for plan in one.plans)
        )
        found = (sizes.indexes.get((table.name, name)) for sizes in sources.sizes.values())
        sizes = tuple(size for size in found if size is not None)
        yield IndexReview(name, each.definition, tuple(users), sizes)


def _unquoted(name: str) -> str:
    return name[1:-1].replace('""', '"') if name.startswith('"') else name


def _uses_by_table(
    statements: Iterable[StatementReview],
) -> dict[str, list[tuple[str, ColumnUse]]]:
    found: dict[str, list[tuple[str, ColumnUse]]] = {}
    for each in statements:
        for use in each.accesses or ():
            found.setdefault(use.table, []).append((each.label, use))
    return found


def _statements(uses: Iterable[tuple[str, ColumnUse]]) -> tuple[tuple[str, str], ...]:
    """Return what each statement does with a table; one that writes may read it as well."""
    found: dict[str, str] = {}
    for label, use in uses:
        if use.is_written or label not in found:
            found[label] = "writes" if use.is_written else "reads"
    return tuple(found.items())


def _retention(table: str, parts: Sequence[SchemaObject]) -> Iterator[str]:
    """Yield how long oadb keeps the rows of a table of its own, and with which others rows go."""
    name = table.removeprefix("oadb.")
    kept = "rollups" if name.endswith("_rollups") else name
    days = retention.DEFAULT_DAYS.get(kept) if table.startswith("oadb.") else None
    if days is not None:
        yield f"kept {days} days, unless OADB_{kept.upper()}_RETENTION_DAYS says otherwise"
    for each in _of_kind(parts, "constraint"):
        found = _CASCADE.search(each.definition)
        if found is not None:
            yield f"deleted with the row of {found['target']} that they refer to"
