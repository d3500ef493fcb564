"""Arguments: the values of a call, compared with the declaration before anything is sent.

Python's own rules come first (a missing argument is a TypeError), then the type of each value, the
members of a Literal, the rule of an Annotated, and the window: ``since`` must not be after
``until``.
"""

import inspect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, time, timezone
from typing import Any
from zoneinfo import ZoneInfo

from oadb.engine.binding.call_faults import call_fault
from oadb.engine.binding.sendable_texts import unsendable
from oadb.engine.binding.values import LEAST_INT, MOST_INT, ValueType, bounds_broken, fits
from oadb.errors import ParameterError

Shape = tuple[tuple[type, bool], ...]
"""The types of plain parameters, and whether each may be None."""


class Parameters:
    """The parameters of a declared statement, in order, and what their values must be."""

    def __init__(
        self, label: str, signature: inspect.Signature, kinds: Mapping[str, ValueType]
    ) -> None:
        self.label = label
        self.kinds = kinds
        self._signature = signature
        self._names = [*kinds]
        parameters = signature.parameters.values()
        self._positional = sum(
            each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD for each in parameters
        )
        # The names behind so many positional arguments.
        self._rests = [tuple(self._names[count:]) for count in range(self._positional + 1)]
        self._defaults = {
            each.name: each.default for each in parameters if each.default is not each.empty
        }
        self._exact = tuple(kind.exact for kind in kinds.values())
        self._looked_into = [(kind, kind.exact, _item(kind)) for kind in kinds.values()]
        self._has_window = {"since", "until"} <= kinds.keys()
        # The number of arguments of a call that needs no look at names and defaults.
        self._direct = len(kinds) if self._positional == len(kinds) else -1

    @property
    def shape(self) -> Shape | None:
        """Their types, if all are positional and no value must be looked into; else None."""
        return None if self._direct < 0 else shape_of(self.kinds.values())

    def values(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Return the values in order.

        Raises:
            ParameterError: a value of another type, or out of range.
            TypeError: a wrong call, as of any function; the text names the query.
        """
        if kwargs or len(args) != self._direct:
            args = self._in_order(args, kwargs)
        # As ``fits``, whose call would take as long as the rest.
        for value, exact in zip(args, self._exact, strict=False):
            if type(value) not in exact or (
                type(value) is int and not LEAST_INT <= value <= MOST_INT
            ):
                return self._checked(args)
        return args

    def fit(self, rows: Sequence[tuple[Any, ...]]) -> bool:
        """Say whether the values of many rows can be sent as they are.

        By columns, at a tenth of the cost of by rows. If not, ``values`` says why.
        """
        if self._has_window or set(map(len, rows)) != {len(self.kinds)}:
            return False
        columns = zip(*rows, strict=True)
        return all(map(column_fits, self.kinds.values(), columns))

    def _in_order(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """Add named arguments and defaults, as ``Signature.bind`` does in twenty times the time."""
        try:
            rest = self._rests[len(args)]
            given = kwargs if len(rest) == len(kwargs) else {**self._defaults, **kwargs}
            values = (*args, *map(given.__getitem__, rest))
            if kwargs.keys() <= {*rest}:
                return values
        except LookupError:  # too many arguments, or too few
            pass
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError:
            pass
        else:
            bound.apply_defaults()
            return tuple(bound.arguments.values())
        raise call_fault(self.label, self._signature, args, kwargs)

    def _checked(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        values = tuple(
            value
            if fits(value, exact) or (item is not None and list_fits(item, value))
            else kind.checked(self.label, name, value)
            for name, (kind, exact, item), value in zip(
                self._names, self._looked_into, args, strict=True
            )
        )
        if self._has_window:
            require_window(self.label, dict(zip(self._names, values, strict=True)))
        return values


def shape_of(kinds: Iterable[Any]) -> Shape | None:
    """Return the shape of parameters of these types; None if a value must be looked into."""
    known = [*kinds]
    plain = [(kind.python, kind.optional) for kind in known if kind and kind.python in kind.exact]
    return (*plain,) if len(plain) == len(known) else None


def _item(kind: ValueType) -> ValueType | None:
    """Return the type of the values of a list, which are looked at together; None if it is none."""
    return replace(kind, array=False, optional=False) if kind.array else None


def list_fits(item: ValueType, value: Any) -> bool:
    """Say whether a value is a list whose items can be sent as they are."""
    return value.__class__ is list and column_fits(item, value)


def column_fits(kind: ValueType, column: Sequence[Any]) -> bool:
    """Say whether all values of a column can be sent as they are; if not, look at each."""
    types = set(map(type, column))
    if kind.optional and type(None) in types:
        types.discard(type(None))
        column = [value for value in column if value is not None]
    is_plain = not (kind.array or kind.unset or kind.form or kind.rule)
    if not is_plain or not types <= {kind.python}:
        return False
    if kind.choices:
        return set(column) <= {*kind.choices}
    if kind.python is str:
        return unsendable("".join(column)) is None
    if kind.python is int and column:
        return bool(min(column) >= LEAST_INT and max(column) <= MOST_INT)
    if kind.python is datetime:
        zones = {value.tzinfo for value in column}
        is_aware = all(isinstance(zone, timezone | ZoneInfo) for zone in zones)
        return is_aware and bounds_broken(datetime, column) is None
    return kind.python is not time


def require_window(label: str, values: Mapping[str, Any]) -> None:
    """Check that a window, if there is one among the arguments, does not end before it begins.

    Raises:
        ParameterError: ``since`` is after ``until``.
    """
    since, until = values.get("since"), values.get("until")
    if since is not None and until is not None and since > until:
        raise ParameterError(f"{label}: since is after until; it must be the earlier one")
