"""Which code runs which statement: names of Python files, resolved through their imports.

A reference is a line that names a function of a package, by a call or otherwise: a statement may
be handed to another function that runs it. What is only found by its name in a string is not seen.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oadb.tools.dependencies import kept_names
from oadb.tools.dependencies.module_names import ModuleNames, Named, SourceFile

_MOST_TESTS = 6
"""Tests of a statement that are listed."""


@dataclass(frozen=True, slots=True)
class CodePlace:
    """A line of code: ``oadb/accounts/users.py:120`` in ``verify_password``.

    Attributes:
        within: The function or class that the line is in; empty at the top of a module.
        through: The functions between the line and the statement, nearest to the line first.
    """

    path: str
    line: int
    within: str
    through: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeUses:
    """Who runs a statement, as far as names in the code say.

    Attributes:
        tests: The nearest ones first, not all of them.
        test_count: Of all.
    """

    callers: tuple[CodePlace, ...] = ()
    tests: tuple[CodePlace, ...] = ()
    test_count: int = 0


@dataclass(frozen=True, slots=True)
class _Reference:
    """A line that names a unit: a function, class or variable at the top of a module."""

    unit: str
    within: str
    path: str
    line: int
    is_test: bool


class CodeReferences:
    """The references between the units of some files."""

    def __init__(self, files: Iterable[SourceFile]) -> None:
        found = kept_names.of_files(files)
        self._modules: dict[str, ModuleNames] = {file.module: names for file, names in found}
        self._to: dict[str, list[_Reference]] = {}
        for file, names in found:
            for named in names.named:
                unit = self._resolved(named.name)
                if unit is not None and unit != f"{file.module}.{named.unit}":
                    self._to.setdefault(unit, []).append(_reference(file, named))

    def uses_of(self, unit: str) -> CodeUses:
        """Return who uses a unit: ``oadb.accounts.users.get``.

        Its callers are in the code itself. Tests run it by its name or through its callers.
        """
        callers = [each for each in self._to.get(unit, ()) if not each.is_test]
        tests = [*self._tests_of(unit)]
        return CodeUses(
            tuple(CodePlace(each.path, each.line, each.within) for each in callers),
            tuple(tests[:_MOST_TESTS]),
            len(tests),
        )

    def _tests_of(self, unit: str) -> Iterator[CodePlace]:
        """Yield the tests that reach a unit, each once, those on the shortest way first."""
        waiting: list[tuple[str, tuple[str, ...]]] = [(unit, ())]
        seen, told = {unit}, set[tuple[str, str]]()
        for name, through in waiting:
            for each in self._to.get(name, ()):
                if not each.is_test and each.unit not in seen:
                    seen.add(each.unit)
                    waiting.append((each.unit, (_short(each.unit), *through)))
                elif each.is_test and (each.path, each.within) not in told:
                    told.add((each.path, each.within))
                    if each.within.startswith("test_"):
                        yield CodePlace(each.path, each.line, each.within, through)

    def _resolved(self, name: str) -> str | None:
        """Return the unit that a dotted name means, also where a module only imports it."""
        for _ in range(4):  # an import of an import is rare; a circle would not end
            module, _, last = name.rpartition(".")
            found = self._modules.get(module)
            if found is None:  # perhaps an attribute of a unit
                above, _, last = module.rpartition(".")
                found, name = self._modules.get(above), module
            if found is None:
                return None
            if last in found.defined:
                return name
            if last not in found.imports:
                return None
            name = found.imports[last]
        return None


def _reference(file: SourceFile, named: Named) -> _Reference:
    unit = f"{file.module}.{named.unit}"
    return _Reference(unit, named.within, file.shown, named.line, file.is_test)


def _short(unit: str) -> str:
    return ".".join(unit.split(".")[-2:])
