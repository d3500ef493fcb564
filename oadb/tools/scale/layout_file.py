"""``sql/layout.toml``: where each table of a package is on a Citus cluster, and why.

    [shop.orders]
    placement = "distributed"
    by = "customer_id"
    why = "every statement names the customer"

    [shop.order_lines]
    placement = "distributed"
    by = "customer_id"
    beside = "shop.orders"
    why = "is joined with the orders of the same customer"
    kept_back = "its trigger writes a table of the coordinator"

A distributed table has its rows on the workers, by the values of one column; a reference table is
whole on every node; any other one is on the coordinator alone. What is kept back stays on the
coordinator for now. Partitions are where their table is. The file is optional, and complete: a
table that it leaves out is an error of `oadb distribute`. Above the tables, ``migrations_after =
"0007_add_notes"`` names the last migration that was written before the layout: `oadb check` looks
for forms that a cluster refuses in later ones.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from oadb.engine.binding.packages import Package
from oadb.errors import ConfigError
from oadb.tools.migrations import script_folder

FILE = "layout.toml"

Placement = Literal["distributed", "reference", "coordinator"]

# What each placement cannot have.
_NEEDLESS: Mapping[Placement, tuple[str, ...]] = {
    "distributed": (),
    "reference": ("by", "beside"),
    "coordinator": ("by", "beside", "kept_back"),
}
# The last migration before the layout: only later ones are judged by what a cluster takes.
_AFTER = "migrations_after"

_KEYS = ("placement", "by", "beside", "why", "kept_back")


@dataclass(frozen=True, slots=True)
class TablePlacement:
    """Where a table is meant to be.

    Attributes:
        table: With its schema: ``shop.orders``.
        by: The column of a distributed table whose value says on which shard a row is; else empty.
        beside: The distributed table whose rows of the same value are on the same node; empty: the
            table is not placed by another one.
        why: The reason for the placement.
        kept_back: Why the table stays on the coordinator for now; empty: it does not.
    """

    table: str
    placement: Placement
    why: str
    by: str = ""
    beside: str = ""
    kept_back: str = ""

    @property
    def now(self) -> Placement:
        """Where the table is to be now."""
        return "coordinator" if self.kept_back else self.placement


Layout = Mapping[str, TablePlacement]
"""By the name of each table, as ``shop.orders``."""


def read(package: Package) -> Layout:
    """Read the file of a package; without one, nothing is said of any table.

    Raises:
        ConfigError: it is not valid; the text names the file, the table and the key.
    """
    shown = f"{package.shown}/{FILE}"
    layout = {
        f"{schema}.{table}": _placement(f"{shown}: [{schema}.{table}]", f"{schema}.{table}", keys)
        for schema, tables in _content(package).items()
        if schema != _AFTER
        for table, keys in _texts(shown, schema, tables).items()
    }
    for each in layout.values():
        _require_neighbour(f"{shown}: [{each.table}]", each, layout)
    return layout


def judged_after(package: Package) -> str:
    """Return the last migration that was written before the layout; empty: all came after it.

    Raises:
        ConfigError: the file is not valid, or there is no such migration.
    """
    last = _content(package).get(_AFTER, "")
    if last and last not in script_folder.ids(package.sql / "migrations"):
        raise ConfigError(
            f"{package.shown}/{FILE}: {_AFTER} is {last!r}, which is no migration; name a file of "
            "the folder, without .sql"
        )
    return str(last)


def _content(package: Package) -> dict[str, object]:
    file = package.sql / FILE
    if not file.is_file():
        return {}
    try:
        return tomllib.loads(file.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{package.shown}/{FILE}: {error}") from None


def _placement(where: str, table: str, value: object) -> TablePlacement:
    keys = _texts(where, "", value)
    unknown = sorted({*keys} - {*_KEYS})
    if unknown:
        raise ConfigError(f"{where}: {unknown[0]} is unknown; there is {', '.join(_KEYS)}")
    for key, text in keys.items():
        if not isinstance(text, str) or not text.strip():
            raise ConfigError(f"{where} {key} must be a text that is not empty")
    texts = cast("dict[str, str]", keys)
    place: Placement | None = next(
        (each for each in _NEEDLESS if each == texts.get("placement")), None
    )
    if place is None:
        raise ConfigError(f"{where} placement must be one of {', '.join(_NEEDLESS)}")
    if "why" not in texts:
        raise ConfigError(f"{where} has no why; say in a sentence why the table is there")
    _require_keys_of(where, place, texts)
    rest = {key: texts.get(key, "") for key in ("by", "beside", "kept_back")}
    return TablePlacement(table, place, texts["why"], **rest)


def _require_keys_of(where: str, place: Placement, texts: Mapping[str, str]) -> None:
    """Check that a table has the keys that its placement needs, and no others."""
    if place == "distributed" and "by" not in texts:
        raise ConfigError(f'{where} has no by; name the column, as by = "customer_id"')
    for key in _NEEDLESS[place]:
        if key in texts:
            raise ConfigError(f"{where} {key} means nothing for the placement {place}; remove it")


def _require_neighbour(where: str, each: TablePlacement, layout: Layout) -> None:
    """Check the table that another one is beside.

    Of a chain of them each would have to be placed in turn, so that there is one for all.
    """
    if not each.beside:
        return
    other = layout.get(each.beside)
    if other is None or other.placement != "distributed" or other.beside:
        raise ConfigError(
            f"{where} beside: {each.beside} must be a distributed table of this file that is "
            "beside none itself"
        )
    if other.kept_back and not each.kept_back:
        raise ConfigError(
            f"{where} beside: {each.beside} is kept back, so this table must be, with its reason"
        )


def _texts(shown: str, name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ConfigError(f"{shown}: {name or 'a table'} must be in a table: [schema.table]")
    return cast("dict[str, object]", value)
