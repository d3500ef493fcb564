"""Finds statements by the names that logs, plans and pg_stat_statements show."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.packages import Package
from oadb.tools.contract import comparison
from oadb.tools.plans.planning import statements
from oadb.tools.usage import UsageError

_NEAR, _MOST = 0.5, 5


@dataclass(frozen=True, slots=True)
class PlacedStatement:
    """A statement, or a variant, and the package and place of its query file."""

    package: Package
    place: str
    statement: Declaration


def every(packages: Sequence[Package]) -> Iterator[PlacedStatement]:
    """Yield all statements of packages: each variant, and each form for many rows.

    Raises:
        DeclarationError: a module and its query file disagree.
    """
    for package in packages:
        for place in package.places():
            yield from at(package, place)


def at(package: Package, place: str) -> Iterator[PlacedStatement]:
    """Yield the statements of a query file, whose module is imported.

    Raises:
        DeclarationError: the module and the file disagree.
    """
    for declared in comparison.declared_at(package, place):
        for statement in statements(declared):
            yield PlacedStatement(package, place, statement)


def named(packages: Sequence[Package], name: str, variant: str = "") -> list[PlacedStatement]:
    """Return the statements of a name: ``users.get``, or all variants of ``api_logs.list_calls``.

    Args:
        variant: of one variant, what its label has behind the name: ``+user_id order=oldest``.

    Raises:
        UsageError: there is none; the text names those that are nearest.
        DeclarationError: a module and its query file disagree.
    """
    found = [*every(packages)]
    label = f"{name} {variant}".strip()
    wanted = [each for each in found if each.statement.label == label]
    if not variant and not wanted:
        wanted = [each for each in found if each.statement.label.partition(" ")[0] == name]
    if wanted:
        return wanted
    labels = [each.statement.label for each in found]
    of_name = [each for each in labels if each.partition(" ")[0] == name.partition(" ")[0]]
    raise UsageError(f"there is no statement {label}{_nearest(label, of_name or labels)}")


def _nearest(label: str, labels: Sequence[str]) -> str:
    # Many know the name of a function and not that of its module.
    ending = [each for each in labels if each.partition(" ")[0].endswith(f".{label}")]
    near = (ending or get_close_matches(label, labels, _MOST, _NEAR) or [*labels])[:_MOST]
    return f"; near it are {', '.join(near)}"
