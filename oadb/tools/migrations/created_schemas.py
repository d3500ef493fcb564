"""The schemas of a package: those that its migrations create, by their files."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from oadb.engine.binding.lexer import Token, tokens
from oadb.engine.binding.packages import Package
from oadb.errors import MigrationError
from oadb.tools.migrations import script_folder

# What may stand before the name in `create schema`.
_BEFORE_NAME = frozenset({"if", "not", "exists", "authorization"})


def of_packages(packages: Sequence[Package], *, by_name: bool) -> dict[str, list[str]]:
    """Return the schemas of each package that has any.

    Args:
        by_name: whether each package was asked for, so that it must have one.

    Raises:
        MigrationError: the migrations of a package that was asked for, or of all, create none.
    """
    found = {package.name: schemas(package) for package in packages}
    without = [name for name, created in found.items() if not created]
    if without and (by_name or len(without) == len(found)):
        raise MigrationError(
            f"the migrations of {', '.join(without)} create no schema, and a package's schema is "
            "what is in those that they create; begin the first one with create schema, or name "
            "the package whose schema they use"
        )
    return {name: created for name, created in found.items() if created}


def schemas(package: Package) -> list[str]:
    """Return the names of the schemas that are there after all migrations of a package, in order.

    Statements inside of strings, such as the bodies of functions, are not seen.
    """
    folder = package.sql / "migrations"
    found: list[str] = []
    for id_ in script_folder.ids(folder) if folder.is_dir() else ():
        text = (folder / f"{id_}.sql").read_bytes().decode(errors="replace")
        for statement in _about_schemas(text):
            found = _after(statement, found)
    return found


# To read all files takes most of the time of a doctor's run, which asks several times.
@lru_cache(maxsize=256)
def _about_schemas(text: str) -> tuple[tuple[str, ...], ...]:
    """Return the statements of a file that make, rename or drop schemas."""
    if "schema" not in text.lower():
        return ()
    return tuple(each for each in _statements(text) if each[1:2] == ("schema",))


def _after(statement: Sequence[str], found: list[str]) -> list[str]:
    """Return the schemas that are there after a statement; *found* were there before it."""
    match statement:
        case ["create", "schema", *words]:
            name = next((_name(word) for word in words if word not in _BEFORE_NAME), "")
            return found if name in found else [*found, name]
        case ["drop", "schema", *words]:
            dropped = {_name(word) for word in words}
            return [name for name in found if name not in dropped]
        case ["alter", "schema", old, "rename", "to", new]:
            return [_name(new) if name == _name(old) else name for name in found]
        case _:
            return found


def _statements(text: str) -> Iterator[tuple[str, ...]]:
    """Yield the code of each statement: words in lower case, quoted names as they stand."""
    code = (each for each in tokens(text) if each.kind not in {"space", "comment", "string"})
    for is_end, statement in groupby(code, lambda each: each.kind == "semicolon"):
        if not is_end:
            yield tuple(_word(each) for each in statement)


def _word(token: Token) -> str:
    return token.text.lower() if token.kind == "word" else token.text


def _name(word: str) -> str:
    """Return the name that a word means, without its quotes."""
    return word[1:-1].replace('""', '"') if word.startswith('"') else word
