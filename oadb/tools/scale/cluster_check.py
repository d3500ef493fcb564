"""Looks for forms that a cluster refuses, in the statements and migrations of a package.

Only packages with a layout are looked at, and no database is asked.
"""

from collections.abc import Iterable, Iterator

from oadb.engine.binding.packages import Package, find
from oadb.errors import DeclarationError
from oadb.tools.migrations import script_folder
from oadb.tools.plans import named_statements
from oadb.tools.plans.named_statements import PlacedStatement
from oadb.tools.scale import cluster_forms, layout_file, placed_names
from oadb.tools.scale.cluster_forms import RefusedForm
from oadb.tools.scale.placed_sql import PlacedNames
from oadb.tools.scale.query_blocks import SqlText


def faults(packages: Iterable[Package]) -> Iterator[str]:
    """Yield each refused form: where it is, what is refused, and what is taken instead.

    Raises:
        ConfigError: a layout is not valid.
    """
    judged = [*packages]
    # A service's statements name tables of oadb as well.
    read = {each.name: placed_names.read(each) for each in (find("oadb"), *judged)}
    known = [names for names in read.values() if names is not None]
    everything = PlacedNames(
        {name: place for names in known for name, place in names.tables.items()},
        frozenset(name for names in known for name in names.row_functions),
    )
    for package in judged:
        if read[package.name] is not None:
            yield from _of_statements(package, everything)
            yield from of_migrations(package, everything, layout_file.judged_after(package))


def _of_statements(package: Package, names: PlacedNames) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for each in _statements(package):
        statement = each.statement.statement
        name = statement.label.partition(" ")[0]
        for form in cluster_forms.found(SqlText(statement.parts), names):
            said = f"{statement.path}:{statement.line}: {name}: {_said(form)}"
            found.setdefault(said, []).append(statement.label)
    yield from found


def _statements(package: Package) -> Iterator[PlacedStatement]:
    for place in package.places():
        try:
            yield from named_statements.at(package, place)
        except DeclarationError:  # the comparison with the database reports it
            continue


def of_migrations(package: Package, names: PlacedNames, after: str) -> Iterator[str]:
    """Yield the refused forms of the migrations behind one."""
    folder = package.sql / "migrations"
    for id_ in script_folder.ids(folder) if folder.is_dir() else ():
        if id_ <= after:
            continue
        for statement in placed_names.statements(folder / f"{id_}.sql"):
            text = SqlText(statement.tokens)
            for form in cluster_forms.found_in_migration(text, names) if text.texts else ():
                where = f"{package.shown}/migrations/{id_}.sql:{statement.line}"
                yield f"{where}: {_said(form)}"


def _said(form: RefusedForm) -> str:
    return f"a cluster refuses {form.refused}; it takes {form.taken}"
