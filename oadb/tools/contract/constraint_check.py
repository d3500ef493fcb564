"""Compares ``constraints.toml`` with the constraints of the database.

Each line must be about a constraint that exists, and each constraint of the schemas in the file
must have a line if its name does not say enough: checks, whose limit it never has, and all whose
field is no column of the table, except primary keys, which are called so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from oadb.engine.binding.constraint_words import FILE, derived_field, read
from oadb.engine.binding.packages import Package
from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.errors import DeclarationError

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class PlacedConstraint:
    """A constraint or a unique index of a table, or a check of a domain.

    Attributes:
        place: The table or domain, as ``shop.orders``.
        columns: All columns of the table.
    """

    place: str
    name: str
    is_check: bool
    columns: list[str]

    @property
    def needs_words(self) -> bool:
        """Whether its name does not say enough."""
        field = derived_field(self.place.partition(".")[2], self.name)
        return self.is_check or field not in {"", *self.columns}


@query
def _list_constraints(schemas: list[str]) -> list[PlacedConstraint]: ...


query.complete()


def compare_words(db: Runner, package: Package) -> Iterator[str]:
    """Compare the file of a package with the database; without one there is nothing to compare.

    Yields:
        Every disagreement.
    """
    shown = f"{package.shown}/{FILE}"
    try:
        words = read(package)
    except DeclarationError as error:
        yield str(error)
        return
    if not words:
        return
    found = _list_constraints(db, sorted({place.partition(".")[0] for place, _ in words}))
    known = {(each.place, each.name) for each in found}
    for place, name in words:
        if (place, name) not in known:
            yield f"{shown}: [{place}] {name} is no constraint of the database; remove it"
    for each in found:
        if each.needs_words and (each.place, each.name) not in words:
            yield (
                f"{shown}: [{each.place}] has no line for {each.name}; add the field and what it "
                f'must be: {each.name} = {{ price = "above 0" }}'
            )
