"""What changed in statements, tables and migrations since the base revision."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from importlib.resources.abc import Traversable

from oadb.engine.binding import statements
from oadb.engine.binding.array_forms import SUFFIX
from oadb.engine.binding.packages import Package
from oadb.engine.binding.statements import Statement
from oadb.errors import DeclarationError
from oadb.tools import schema_text
from oadb.tools.compat.base_release import BaseRelease
from oadb.tools.dependencies import source_files
from oadb.tools.migrations import script_folder
from oadb.tools.plans import plan_lock
from oadb.tools.review.book_model import Book, ReviewedChange
from oadb.tools.review.declaration_texts import DeclarationTexts
from oadb.tools.review.migration_model import ReleaseDisagreement
from oadb.tools.schema import SchemaObject

Parts = dict[str, str]
"""The texts of something that are compared, by their titles."""

_TABLES = frozenset({"table", "view", "materialized view"})


def of_statements(package: Package, base: BaseRelease) -> Iterator[ReviewedChange]:
    """Yield what became of the statements of a package: text, comment, declaration, plans."""
    before, old_texts = base.package(package), DeclarationTexts(base.root(package))
    new_texts = DeclarationTexts(source_files.folder_of(package).parent)
    for place in sorted({*package.places(), *before.places()}):
        old = _statement_parts(before, place, old_texts)
        new = _statement_parts(package, place, new_texts)
        for name in dict.fromkeys([*new, *old]):
            yield from _change("statement", package.name, f"{place}.{name}", old, new, name)


def of_migrations(package: Package, base: BaseRelease) -> Iterator[ReviewedChange]:
    """Yield what became of the migrations of a package, by their files."""
    old, new = _migration_parts(base.package(package)), _migration_parts(package)
    for id_ in sorted({*old, *new}):
        yield from _change("migration", package.name, id_, old, new, id_)


def of_objects(
    old: Sequence[SchemaObject], new: Sequence[SchemaObject], owners: Mapping[str, str]
) -> Iterator[ReviewedChange]:
    """Yield what became of tables, views, routines and other objects of schemas.

    Args:
        owners: the packages of the schemas.
    """
    before, after = _object_parts(old), _object_parts(new)
    # Of several objects of one name, such as a table and its row security, the first.
    kinds = {each.name: each.kind for each in reversed((*new, *old)) if each.name == each.part_of}
    for name in dict.fromkeys([*after, *before]):
        kind = kinds.get(name, "object")
        package = owners.get(name.partition(".")[0], "")
        shown = "table" if kind in _TABLES else kind
        yield from _change(shown, package, name, before, after, name)


def narrowed(
    book: Book,
    base: str,
    changes: Sequence[ReviewedChange],
    disagreements: Sequence[ReleaseDisagreement],
) -> Book:
    """Return the book of what changed alone.

    Args:
        disagreements: what of old code and new schema, and the other way, does not go together.
    """
    known = {(each.kind, each.package, each.name) for each in changes}
    return replace(
        book,
        base=base,
        changes=tuple(changes),
        disagreements=tuple(disagreements),
        statements=tuple(
            each
            for each in book.statements
            if ("statement", each.package, f"{each.module}.{each.name}") in known
        ),
        tables=tuple(each for each in book.tables if ("table", each.package, each.name) in known),
        migrations=tuple(
            replace(each, breaks=tuple(one for one in disagreements if one.migration == each.id))
            for each in book.migrations
            if ("migration", each.package, each.id) in known
        ),
    )


def _change(
    kind: str,
    package: str,
    name: str,
    old: Mapping[str, Parts],
    new: Mapping[str, Parts],
    key: str,
) -> Iterator[ReviewedChange]:
    before, after = old.get(key), new.get(key)
    if before == after:
        return
    what = "added" if before is None else "removed" if after is None else "changed"
    yield ReviewedChange(kind, package, name, what, tuple(_differing(before or {}, after or {})))


def _differing(old: Parts, new: Parts) -> Iterator[tuple[str, str, str]]:
    for title in [*new, *(each for each in old if each not in new)]:
        before, after = old.get(title, ""), new.get(title, "")
        if before != after:
            yield title, before, after


def _statement_parts(package: Package, place: str, texts: DeclarationTexts) -> dict[str, Parts]:
    """Return the texts of each statement of a file, with its form for many rows."""
    found: dict[str, Parts] = {}
    plans = _locked_plans(package, place)
    for name, statement in _loaded(package, place).items():
        plain = name.removesuffix(SUFFIX)
        form = "" if plain == name else f" of {name}"
        parts = found.setdefault(plain, {})
        parts[f"SQL{form}"], parts[f"Comment{form}"] = statement.source, statement.doc
        parts["Declaration"] = texts.text(package.module_of(place), plain)
        parts["Plans"] = plans.get(f"{statement.module}.{plain}", "")
    return found


def _locked_plans(package: Package, place: str) -> dict[str, str]:
    """Return the locked plans of the statements of a file, by their labels without variants."""
    found: dict[str, list[str]] = {}
    for label, block in plan_lock.read(plan_lock.path_of(package, place)).items():
        statement = label.partition(" ")[0].removesuffix(SUFFIX)
        found.setdefault(statement, []).append("\n".join([label, *block]))
    return {label: "\n\n".join(blocks) for label, blocks in found.items()}


def _loaded(package: Package, place: str) -> dict[str, Statement]:
    """Return the statements of a file; none if there is no such file, or it is invalid."""
    try:
        return statements.load(package, place)
    except DeclarationError:
        return {}


def _migration_parts(package: Package) -> dict[str, Parts]:
    folder = package.sql / "migrations"
    if not folder.is_dir():
        return {}
    return {
        id_: {
            "SQL": _text(folder / f"{id_}.sql"),
            "Rollback": _text(folder / f"{id_}.rollback.sql"),
        }
        for id_ in script_folder.ids(folder)
    }


def _text(file: Traversable) -> str:
    return file.read_bytes().decode(errors="replace") if file.is_file() else ""


def _object_parts(objects: Sequence[SchemaObject]) -> dict[str, Parts]:
    return {name: {"Definition": text} for name, text in schema_text.blocks(objects).items()}
