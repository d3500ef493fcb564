"""Parameters of a statement that its declaration does not have: they follow from those it has.

:last_<column>    of a Page: the value in the last row of the page before; see ``pages``
:<name>_is_set    of a parameter that may be UNSET: whether it is something else
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from oadb.engine.binding.pages import LAST, Paging, is_pageable
from oadb.engine.binding.results import Result
from oadb.engine.binding.values import UNSET, ValueType

IS_SET = "_is_set"

_CURSOR = {"cursor": ValueType(str, optional=True)}


class Derivation:
    """What a statement gets for the arguments of its declaration.

    Attributes:
        names: The parameters of the statement, in order: declared ones first.
        types: Their types.
        problems: Where declaration and statement do not fit each other.
        paging: How its pages are made; None if it returns no Page.
    """

    def __init__(
        self, label: str, kinds: Mapping[str, ValueType], used: Sequence[str], result: Result
    ) -> None:
        is_page = result.cardinality == "page"
        unsettable = [name for name, kind in kinds.items() if kind.unset]
        self._last = [name for name in used if is_page and name.startswith(LAST)]
        flags = [f"{name}{IS_SET}" for name in unsettable]
        declared = [name for name in kinds if not (is_page and name == "cursor")]
        self.names = [*declared, *flags, *self._last]
        columns = {
            name.removeprefix(LAST): result.fields.get(name.removeprefix(LAST))
            for name in self._last
        }
        self.problems = [*self._unpageable(kinds, columns)] if is_page else []
        known = {name: kind for name, kind in columns.items() if kind is not None}
        self.types = {
            **{
                name: replace(
                    kinds[name], unset=False, optional=kinds[name].optional or kinds[name].unset
                )
                for name in declared
            },
            **dict.fromkeys(flags, ValueType(bool)),
            **{f"{LAST}{name}": replace(kind, optional=True) for name, kind in known.items()},
        }
        places = {name: place for place, name in enumerate(kinds)}
        self._unsettable = [places[name] for name in unsettable]
        self._cursor, self._limit = places.get("cursor", 0), places.get("limit", 0)
        self.paging: Paging | None = None
        if is_page and not self.problems:
            pythons = {name: kind.python for name, kind in known.items()}
            self.paging = Paging(label, pythons, self.names)

    @property
    def is_needed(self) -> bool:
        """Whether any parameter is derived."""
        return bool(self._unsettable or self._last)

    def values(self, given: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return the values of the statement's parameters, in order.

        Raises:
            ParameterError: a cursor of another list.
        """
        flags = [given[place] is not UNSET for place in self._unsettable]
        if self.paging is None:
            return (*(None if value is UNSET else value for value in given), *flags)
        params: list[Any] = [*given, *flags]
        params[self._limit] += 1
        cursor = params.pop(self._cursor)
        return (*params, *self.paging.position(cursor, params))

    def _unpageable(
        self, kinds: Mapping[str, ValueType], columns: Mapping[str, ValueType | None]
    ) -> Iterable[str]:
        if kinds.get("cursor") != _CURSOR["cursor"] or "limit" not in kinds:
            yield "a Page takes cursor: str | None, and limit: Limit"
        if not columns:
            yield f"a Page is read from a position: the SQL has no :{LAST}<column>"
        for name, kind in columns.items():
            if kind is None or kind.array or kind.form or not is_pageable(kind.python):
                yield f":{LAST}{name} is not a column of the row with a type that a cursor can hold"
