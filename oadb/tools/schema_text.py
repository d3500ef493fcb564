"""The objects of a schema as text: a block for each table, view and routine, to read and compare.

It is SQL in the style of the migrations, with the comment on each object above it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter
from textwrap import indent, wrap

from oadb.engine.binding.lexer import tokens
from oadb.tools.schema import SchemaObject

_WIDTH = 100

_HEAD = """\
-- The schema of a migrated database, with the comment on each object above it. Generated:
--
--     oadb migrate && oadb schema > sql/schema.sql
--
-- To be read and compared, not to be run: migrations make the schema, and a test compares what they
-- make with this file.
--
-- The owner of the schema is called oadb_owner, whatever its name; objects of another owner say so.
-- Left out:
--
-- * partitions of a day or a month, which differ from day to day; of default partitions, what they
--   have from their table
-- * tables of yoyo, and privileges on them
-- * roles, which belong to the server (see oadb.create_roles), and privileges of the owner
-- * rows, except those that only migrations write; of rows that services change, all but the key
-- * publications and security labels, which no migration makes
--
-- Made with PostgreSQL 18. Before 17 there is no privilege "maintain"; before 16 the columns of a
-- view of one table have the name of the table in front.
"""

_HEAD_OF_PACKAGES = """\
-- The schema of {names}, with the comment on each object above it. Generated:
--
--     oadb migrate && oadb schema{options}
--
-- To be read and compared, not to be run: migrations make the schema.
--
-- The owner of a schema is called oadb_owner, whatever its name; objects of another owner say so.
-- Left out: partitions of a day or a month, roles and the privileges of the owner, rows except some
-- of oadb's, publications and security labels, and what is in other schemas.
"""

_INSIDE = ("column", "constraint")


def render(objects: Iterable[SchemaObject], packages: Sequence[str] = ("oadb",)) -> str:
    """Return the schemas of packages as one text: of oadb alone, the content of sql/schema.sql."""
    return "\n".join([_head(packages), *blocks(objects).values()])


def _head(packages: Sequence[str]) -> str:
    if [*packages] == ["oadb"]:
        return _HEAD
    options = "".join(f" --package {name}" for name in packages)
    return _HEAD_OF_PACKAGES.format(names=", ".join(packages), options=options)


def blocks(objects: Iterable[SchemaObject]) -> dict[str, str]:
    """Return the text of each schema, table, view, routine and other object, by its name."""
    parts: dict[str, list[SchemaObject]] = {}
    for each in objects:
        parts.setdefault(each.part_of, []).append(each)
    return {name: _block(part) for name, part in parts.items()}


def _block(part: Sequence[SchemaObject]) -> str:
    title = f"-- {part[0].kind} {part[0].name} "
    statements = _lower("\n\n".join(_paragraphs(part)))
    return f"{title:-<{_WIDTH}}\n\n{statements}\n"


def _paragraphs(part: Sequence[SchemaObject]) -> Iterator[str]:
    """Yield the statements of a part; those of one kind have no blank line between them."""
    inside = [each for each in part if each.kind in _INSIDE]
    outside = [each for each in part if each.kind not in _INSIDE]
    for kind, group in groupby(outside, attrgetter("kind")):
        alike = [*group]
        match kind:
            case "table":
                yield _table(alike[0], inside)
            case "view" | "materialized view":
                yield _view(alike[0], inside)
            case "grant":
                yield "\n".join(_grants(alike))
            case "row":
                yield _rows(alike)
            case _:
                yield "\n".join(_commented(each, f"{each.definition.rstrip()};") for each in alike)


def _table(table: SchemaObject, inside: Sequence[SchemaObject]) -> str:
    columns, constraints = (
        ",\n".join(_lines(table, [each for each in inside if each.kind == kind]))
        for kind in _INSIDE
    )
    lines = indent(",\n\n".join(filter(None, [columns, constraints])), "    ")
    body = f" (\n{lines}\n)" if lines else ""
    return _commented(table, f"{table.definition.replace(' (...)', body, 1)};")


def _lines(table: SchemaObject, inside: Sequence[SchemaObject]) -> Iterator[str]:
    """Yield columns or constraints, with the types of columns aligned."""
    names = [_short(each, table) if each.kind == "column" else "" for each in inside]
    width = max(map(len, names), default=0)
    for name, each in zip(names, inside, strict=True):
        yield _commented(each, f"{name:<{width}} {each.definition}".lstrip(), indented=4)


def _view(view: SchemaObject, columns: Sequence[SchemaObject]) -> str:
    """Return a view; the types of its columns, and the comments on them, stand above it."""
    described = [
        f"    {_short(each, view)} {each.definition}: {each.description or ''}".removesuffix(": ")
        for each in columns
    ]
    above = "".join(_comment(line, "--         ") for line in described)
    return _commented(view, f"{above}{view.definition};")


def _grants(grants: Sequence[SchemaObject]) -> Iterator[str]:
    """Yield statements, one for all grantees of the same privileges."""
    grantees: dict[str, list[str]] = {}
    for each in grants:
        privileges, _, grantee = each.definition.partition(" to ")
        grantees.setdefault(privileges, []).append(grantee)
    for privileges, names in grantees.items():
        yield _wrapped(f"{privileges} to {', '.join(names)};", "    ")


def _rows(rows: Sequence[SchemaObject]) -> str:
    """Return one statement for the rows of a table."""
    into, _, _ = rows[0].definition.partition(" values ")
    values = [each.definition.partition(" values ")[2] for each in rows]
    return f"{into} values\n" + ",\n".join(values) + ";"


def _short(column: SchemaObject, relation: SchemaObject) -> str:
    return column.name.removeprefix(f"{relation.name}.")


def _commented(each: SchemaObject, text: str, *, indented: int = 0) -> str:
    """Return *text* with the comment on the object above it."""
    lines = (each.description or "").splitlines()
    return "".join(_comment(line, "-- ", _WIDTH - indented) for line in lines) + text


def _comment(line: str, next_line: str, width: int = _WIDTH) -> str:
    return f"{_wrapped(f'-- {line}', next_line, width)}\n"


def _wrapped(line: str, next_line: str, width: int = _WIDTH) -> str:
    return "\n".join(
        wrap(
            line, width, subsequent_indent=next_line, break_long_words=False, break_on_hyphens=False
        )
    )


def _lower(sql: str) -> str:
    """Return *sql* with keywords and names in lower case; other names are quoted."""
    return "".join(part.text.lower() if part.kind == "word" else part.text for part in tokens(sql))
