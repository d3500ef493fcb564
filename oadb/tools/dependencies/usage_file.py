"""``sql/uses.toml``: what cannot be derived about a package's statements and tables.

    [roles.shop_reports]
    runs = ["orders.list_*", "products.get"]
    not = ["orders.list_secret"]

    [kept]
    "column shop.orders.note" = "people read it, in psql"
    "statement orders.get" = "called by the shop's own scripts"
    "grant shop_reports: select shop.orders" = "for reports by hand"

A role runs what a pattern of ``runs`` matches and none of ``not``; patterns are those of a shell.
What is kept although nothing uses it has its reason there.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import cast

from oadb.engine.binding.packages import Package
from oadb.errors import ConfigError

FILE = "uses.toml"

KINDS = ("index", "column", "statement", "comment", "grant")
"""What can be kept."""

# Of a role.
_KEYS = ("runs", "not")


@dataclass(frozen=True, slots=True)
class RoleStatements:
    """Which statements a role runs, by patterns of labels such as ``users.get``."""

    runs: tuple[str, ...]
    excluded: tuple[str, ...] = ()

    def includes(self, label: str) -> bool:
        """Say whether the role runs the statement with this label."""
        return _matches(label, self.runs) and not _matches(label, self.excluded)

    def unmatched(self, labels: Iterable[str]) -> list[str]:
        """Return the patterns that match none of the labels."""
        known = [*labels]
        return [
            pattern
            for pattern in (*self.runs, *self.excluded)
            if not any(fnmatchcase(label, pattern) for label in known)
        ]


@dataclass(frozen=True, slots=True)
class UsageFile:
    """The file of a package.

    Attributes:
        shown: How errors name it.
        roles: By the name of each role.
        kept: By kind and name of what is kept, the reason.
    """

    shown: str
    roles: Mapping[str, RoleStatements] = field(default_factory=dict[str, RoleStatements])
    kept: Mapping[str, str] = field(default_factory=dict[str, str])


def read(package: Package) -> UsageFile:
    """Read the file of a package; without one, no role is said to run anything.

    Raises:
        ConfigError: it is not valid; the text names the file and the key.
    """
    file, shown = package.sql / FILE, f"{package.shown}/{FILE}"
    if not file.is_file():
        return UsageFile(shown)
    try:
        content = tomllib.loads(file.read_bytes().decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown}: {error}") from None
    _require_keys(shown, content, {"roles", "kept"})
    kept = _table(shown, "kept", content.get("kept", {}))
    for name, reason in kept.items():
        if not isinstance(reason, str) or not reason.strip():
            raise ConfigError(f'{shown}: [kept] "{name}" needs a reason, as a text')
        if name.partition(" ")[0] not in KINDS:
            raise ConfigError(f'{shown}: [kept] "{name}" begins with none of {", ".join(KINDS)}')
    roles = _table(shown, "roles", content.get("roles", {}))
    return UsageFile(
        shown,
        {name: _role(shown, name, role) for name, role in roles.items()},
        cast("dict[str, str]", kept),
    )


def _role(shown: str, name: str, value: object) -> RoleStatements:
    where = f"roles.{name}"
    role = _table(shown, where, value)
    _require_keys(f"{shown}: [{where}]", role, {*_KEYS})
    return RoleStatements(*(_patterns(shown, where, key, role.get(key, [])) for key in _KEYS))


def _patterns(shown: str, where: str, key: str, value: object) -> tuple[str, ...]:
    listed = cast("list[object]", value) if isinstance(value, list) else [None]
    if not all(isinstance(each, str) for each in listed):
        raise ConfigError(f'{shown}: [{where}] {key} must be a list of texts: ["users.get"]')
    return tuple(map(str, listed))


def _table(shown: str, name: str, value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ConfigError(f"{shown}: {name} must be a table: [{name}]")
    return cast("dict[str, object]", value)


def _require_keys(where: str, found: Mapping[str, object], known: set[str]) -> None:
    unknown = sorted({*found} - known)
    if unknown:
        raise ConfigError(f"{where}: {unknown[0]} is unknown; there is {', '.join(sorted(known))}")


def _matches(label: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(label, pattern) for pattern in patterns)
