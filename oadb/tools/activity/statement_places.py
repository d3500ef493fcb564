"""Where each statement of packages stands, by the name that pg_stat_statements shows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from oadb.engine.binding import statements
from oadb.engine.binding.array_forms import SUFFIX
from oadb.engine.binding.packages import Package, find
from oadb.tools.activity import optional_statements


@dataclass(frozen=True, slots=True)
class StatementPlace:
    """The file of a statement, relative to its project, and the line of its name."""

    path: str
    line: int

    def __str__(self) -> str:
        """Return it as compilers do."""
        return f"{self.path}:{self.line}"


def places(packages: Sequence[Package]) -> dict[str, StatementPlace]:
    """Return the place of each statement by its name, such as ``users.get``.

    Of two packages that use the same name, the first one has it.

    Raises:
        DeclarationError: an invalid file.
    """
    found: dict[str, StatementPlace] = {}
    for package in _with_optional(packages):
        for place in package.places():
            for each in statements.load(package, place).values():
                found.setdefault(each.label, StatementPlace(each.path, each.line))
    return found


def name_of(label: str) -> str:
    """Return the name of a statement by the label of a variant, or of its form for many rows."""
    return label.partition(" ")[0].removesuffix(SUFFIX)


def _with_optional(packages: Sequence[Package]) -> Iterator[Package]:
    for package in packages:
        yield package
        if package.name == "oadb":
            yield find(package.name, optional_statements.FOLDER)
