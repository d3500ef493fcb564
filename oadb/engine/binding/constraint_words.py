"""``sql/constraints.toml``: what the constraints of a package's tables mean to a caller.

    [shop.orders]
    orders_quantity_check = { quantity = "1 to 1000" }
    orders_number_key = { number = "unique" }
    orders_period_check = { "starts_at, ends_at" = "in this order" }

Of each constraint: the field that is at fault, as the caller knows it, and what it must be. A
domain is named as a table is. The file is optional. Without it a field is what the name of a
constraint has between those of its table and of its kind, as PostgreSQL itself makes names.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from oadb.engine.binding.packages import Package, found
from oadb.errors import DeclarationError

FILE = "constraints.toml"

_KIND = re.compile(r"_(?:check|key|fkey|pkey|idx|excl|not_null)\d*$")
# What Citus appends to the names of a shard; it counts from 102008.
_SHARD = re.compile(r"_\d{6,}$")


@dataclass(frozen=True, slots=True)
class ConstraintWords:
    """The field that a constraint is about, and what it must be; an empty text is not known."""

    field: str
    limit: str = ""


Words = Mapping[tuple[str, str], ConstraintWords]
"""By table, as ``shop.orders``, and constraint."""

_read_before: dict[str, Words] = {}


def read(package: Package) -> Words:
    """Read the file of a package; without one nothing is said.

    Raises:
        DeclarationError: it is not valid; the text names the file and the key.
    """
    file, shown = package.sql / FILE, f"{package.shown}/{FILE}"
    if not file.is_file():
        return {}
    import tomllib  # noqa: PLC0415  # only errors and checks need it

    try:
        content = tomllib.loads(file.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{shown}: {error}") from None
    return dict(_entries(shown, content))


def words_of(schema: str, table: str, constraint: str) -> ConstraintWords:
    """Return what is said of a constraint, by the file of a package that was imported.

    A partition has the checks of its table under their names, so that a name is also looked for in
    the other tables of the schema. A file that is not valid says nothing: ``oadb check`` reports
    it, and the error of a constraint must not become another one.

    Args:
        schema: empty if the error names none, as one of a worker of Citus.
        table: a table or a domain.
    """
    same_schema: ConstraintWords | None = None
    for words in map(_read_once, found()):
        if (f"{schema}.{table}", constraint) in words:
            return words[f"{schema}.{table}", constraint]
        for (place, name), each in words.items():
            if name == constraint and place.startswith(f"{schema}." if schema else ""):
                same_schema = each
    return same_schema or ConstraintWords(derived_field(table, constraint))


def derived_field(table: str, constraint: str) -> str:
    """Return the field that the name of a constraint has in it: ``orders_quantity_check``.

    The whole name, if it is not made in this way; empty for a primary key, whose columns its name
    does not have.
    """
    name = _KIND.sub("", constraint)
    between = name.removeprefix(f"{table}_")
    if constraint == f"{table}_pkey":
        return ""
    return between if name not in {between, table} and not between.isdigit() else constraint


def without_shard(table: str, name: str) -> str:
    """Return the name of a table or constraint as it is declared: of a shard, without its number.

    Citus appends one number to the names of a shard and of its constraints: ``orders_102008`` has
    ``orders_quantity_check_102008``.

    Args:
        table: the table that an error names, perhaps a shard.
        name: this table, or a constraint of it.
    """
    shard = _SHARD.search(table)
    return name.removesuffix(shard[0]) if shard else name


def _read_once(package: Package) -> Words:
    place = str(package.sql)
    if place not in _read_before:
        try:
            _read_before[place] = read(package)
        except DeclarationError:
            _read_before[place] = {}
    return _read_before[place]


def _entries(
    shown: str, content: Mapping[str, object]
) -> Iterator[tuple[tuple[str, str], ConstraintWords]]:
    for schema, tables in content.items():
        for table, constraints in _table(shown, schema, tables).items():
            where = f"{schema}.{table}"
            for name, words in _table(shown, where, constraints).items():
                yield (where, name), _words(f"{shown}: [{where}] {name}", words)


def _table(shown: str, name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise DeclarationError(f"{shown}: {name} must be in a table: [schema.table]")
    return cast("dict[str, object]", value)


def _words(where: str, value: object) -> ConstraintWords:
    pairs = [*cast("dict[str, object]", value).items()] if isinstance(value, dict) else []
    if len(pairs) == 1:
        field, limit = pairs[0]
        if field.strip() and isinstance(limit, str) and limit.strip():
            return ConstraintWords(field, limit)
    raise DeclarationError(f'{where} must be a field and what it must be: {{ price = "above 0" }}')
