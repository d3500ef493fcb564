"""Variants: a statement whose filters and orders depend on the arguments, and that stays fixed SQL.

    -- name: list_calls
    -- Newest first, or oldest.
    select log_id, logged_at from shop.calls
    where
        logged_at >= :since
        and user_id = :user_id    --? user_id
        and status = :status      --? status
    order by
        logged_at desc            --? order = newest
        -- logged_at              --? order = oldest
    limit :rows;

A marked line is there if its terms hold; see ``marks`` for how they are written:

    user_id            the argument is not None; of a bool, it is True; of ``T | Unset``, not UNSET
    order = newest     the argument is this member of its Literal; of a bool, true or false

Each combination is a variant: a statement of its own, with a label (``calls.list_calls +user_id
order=newest``), prepared and checked like any other. Which there are is known at import; the text
of each is made when it is first used. Lines of the comment above the statement say which are not
needed, and that there may be more of them:

    -- not together: user_id, status
    -- variants: at most 128
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product, repeat
from math import prod
from operator import is_not, itemgetter
from typing import Any

from oadb.engine.binding.derived import IS_SET
from oadb.engine.binding.marks import Term, terms_of
from oadb.engine.binding.pages import LAST
from oadb.engine.binding.statements import Statement
from oadb.engine.binding.values import ValueType
from oadb.errors import ParameterError

MOST = 64
"""The most variants of a statement that does not allow more."""

_APART = re.compile(r"^not together: *(.*)$", re.MULTILINE)
_AT_MOST = re.compile(r"^variants: at most (\d+)$", re.MULTILINE)

State = object
"""What distinguishes variants in an argument: a member of a Literal, or whether there is one."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A parameter on which lines depend.

    Attributes:
        place: The place of its argument among the values of the statement.
        states: True and False: whether there is an argument; or its possible values.
        compares: Whether the states are values.
    """

    name: str
    place: int
    states: tuple[State, ...]
    compares: bool

    def holds(self, term: Term, state: State) -> bool:
        """Say whether *term*, on this parameter, holds in a state."""
        if term.value is None:
            return state is not None and state is not False
        return state is not None and _shown(state) == term.value

    def shown(self, state: State) -> str:
        """Return the part of a label for a state."""
        if state is None or state is False:
            return ""
        return f" +{self.name}" if state is True else f" {self.name}={_shown(state)}"


class Variants:
    """The variants of a statement, and the choice among them.

    Args:
        kinds: the declared parameters.
        names: the values of the statement, in order: declared parameters first.
    """

    def __init__(
        self, statement: Statement, kinds: Mapping[str, ValueType], names: Sequence[str]
    ) -> None:
        self._statement, self._marked = statement, statement.marked
        self._kinds, self._names = kinds, names
        self._apart = [terms_of(found, r"\s*,\s*") for found in _APART.findall(statement.doc)]
        every = [term for line in self._marked for term in line.terms]
        self._compared = {term.name for term in every if term.value is not None}
        self._choices: dict[str, Choice] = {}
        self.problems = [*self._read()]
        choices = sorted(self._choices.values(), key=lambda choice: choice.compares)
        self._choices = {choice.name: choice for choice in choices}
        self._given = picking([choice.place for choice in choices if not choice.compares])
        self._values = picking([choice.place for choice in choices if choice.compares])
        if not self.problems:
            self.problems += self._count()
        keys = product(*(choice.states for choice in choices)) if not self.problems else ()
        # Of each variant that is needed: the states that it is for.
        self.keys = dict.fromkeys(key for key in keys if self._excluded(key) is None)
        if not self.problems:
            self.problems += self._unused()

    @property
    def conditions(self) -> frozenset[str]:
        """The values on which lines depend."""
        return frozenset(self._names[choice.place] for choice in self._choices.values())

    def key(self, values: tuple[Any, ...]) -> tuple[State, ...]:
        """Return the states of the values of a call."""
        # A comprehension, and with it each call of a query with variants, would take twice as long.
        return (*map(is_not, self._given(values), repeat(None)), *self._values(values))

    def statement(self, key: tuple[State, ...]) -> Statement:
        """Return the statement of the variant for these states.

        Raises:
            ParameterError: the statement says that it is not needed.
        """
        excluded = self._excluded(key)
        if excluded is not None:
            listed = ", ".join(map(str, excluded))
            raise ParameterError(
                f"{self._statement.label}: {listed} cannot be given together: the statement "
                "excludes it"
            )
        lines = [line for line in self._marked if self._hold(line.terms, key)]
        pairs = zip(self._choices.values(), key, strict=True)
        suffix = "".join(choice.shown(state) for choice, state in pairs)
        return self._statement.variant(lines, suffix)

    def _excluded(self, key: tuple[State, ...]) -> tuple[Term, ...] | None:
        """Return the terms that hold in these states, but are not needed together."""
        return next((terms for terms in self._apart if terms and self._hold(terms, key)), None)

    def _read(self) -> Iterator[str]:
        """Read all terms, and yield what is wrong with them."""
        for line in self._marked:
            for term in line.terms:
                problem = self._read_term(term)
                if problem is not None:
                    yield f"line {line.line}: {problem}"
        for terms in self._apart:
            if terms is None or len(terms) < 2:
                yield "write it like this: -- not together: user_id, order = oldest"
            for term in terms or ():
                choice = self._choices.get(term.name)
                if choice is None or not any(choice.holds(term, each) for each in choice.states):
                    yield f"not together: no line depends on {term}"

    def _read_term(self, term: Term) -> str | None:
        kind = self._kinds.get(term.name)
        if kind is None:
            return f"{term.name} is not a parameter; they are {', '.join(self._kinds)}"
        is_value = not kind.unset and (kind.python is bool or bool(kind.choices))
        if term.value is None and not (is_value or kind.optional or kind.unset):
            return f"{term.name} is never None, so this line would always be there"
        if term.value is not None and not is_value:
            return f"{term.name} is no Literal or bool, so it cannot be compared with {term.value}"
        choice = self._choice(term.name, kind)
        if term.value is not None and not any(choice.holds(term, each) for each in choice.states):
            known = ", ".join(_shown(state) for state in choice.states if state is not None)
            return f"{term.name} is never {term.value}; it is one of {known}"
        self._choices.setdefault(term.name, choice)
        return None

    def _choice(self, name: str, kind: ValueType) -> Choice:
        if kind.unset:
            return Choice(name, self._names.index(f"{name}{IS_SET}"), (False, True), compares=True)
        if name not in self._names:  # the cursor of a Page
            last = next(place for place, each in enumerate(self._names) if each.startswith(LAST))
            return Choice(name, last, (False, True), compares=False)
        values = (False, True) if kind.python is bool else kind.choices
        if not values or (kind.python is not bool and name not in self._compared):
            return Choice(name, self._names.index(name), (False, True), compares=False)
        states = (*values, *((None,) if kind.optional else ()))
        return Choice(name, self._names.index(name), states, compares=True)

    def _count(self) -> Iterator[str]:
        found = _AT_MOST.search(self._statement.doc)
        most = int(found[1]) if found else MOST
        count = prod(len(choice.states) for choice in self._choices.values())
        if count > most:
            yield (
                f"it has {count} variants, more than {most}; mark fewer lines, or allow more in "
                f"its comment: -- variants: at most {count}"
            )

    def _unused(self) -> Iterator[str]:
        for line in self._marked:
            if not any(self._hold(line.terms, key) for key in self.keys):
                yield f"line {line.line}: it is in no variant"

    def _hold(self, terms: Sequence[Term], key: tuple[State, ...]) -> bool:
        states = dict(zip(self._choices, key, strict=True))
        return all(self._choices[term.name].holds(term, states[term.name]) for term in terms)


def picking(places: Sequence[int]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
    """Return the function that picks the values at *places*."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda values: tuple(values[place] for place in places)


def _shown(state: State) -> str:
    return str(state).lower() if isinstance(state, bool) else str(state)
