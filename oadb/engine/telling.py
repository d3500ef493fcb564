"""Tells observers of what was done; what one of them raises breaks no call."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar, cast

from oadb.engine.observing import Observer
from oadb.errors import ParameterError

logger = logging.getLogger("oadb.observers")

E = TypeVar("E")

Observers = Observer | Sequence[Observer] | None
"""One observer, several, or none."""


class Teller:
    """Tells observers, each by its own methods, in their order."""

    def __init__(self, observers: Sequence[Observer]) -> None:
        self._failed: set[str] = set()
        self.statement = self._to(each.statement for each in observers)
        self.transaction_begun = self._to(each.transaction_begun for each in observers)
        self.transaction = self._to(each.transaction for each in observers)
        self.wait_failed = self._to(each.wait_failed for each in observers)
        self.connection = self._to(each.connection for each in observers)
        self.rows_written = self._to(each.rows_written for each in observers)
        self.rows_dropped = self._to(each.rows_dropped for each in observers)
        self.write_failed = self._to(each.write_failed for each in observers)

    def _to(self, methods: Iterable[Callable[[E], None]]) -> Callable[[E], None]:
        hearers = tuple(methods)
        if len(hearers) == 1:
            return self._to_one(hearers[0])

        def tell(event: E) -> None:
            for hear in hearers:
                try:
                    hear(event)
                except Exception as error:  # noqa: BLE001  # of somebody else's code
                    self._note(hear, error)

        return tell

    def _to_one(self, hear: Callable[[E], None]) -> Callable[[E], None]:
        """Do the same for one observer, without the loop: calls of every statement count."""

        def tell(event: E) -> None:
            try:
                hear(event)
            except Exception as error:  # noqa: BLE001  # as above
                self._note(hear, error)

        return tell

    def _note(self, hear: Callable[[E], None], error: Exception) -> None:
        """Log an error of an observer once; it would be as frequent as calls."""
        name = f"{hear.__module__}.{hear.__qualname__}"
        if name not in self._failed:
            self._failed.add(name)
            text = "%s raised an error; more of them are not logged"
            logger.error(text, name, exc_info=error)


def teller_of(observers: Observers, label: str) -> Teller | None:
    """Return what tells *observers*, an argument of *label*; None if there are none.

    Raises:
        ParameterError: something else than an Observer.
    """
    given = cast("object", observers)
    found = [given] if isinstance(given, Observer) else given
    if found is None:
        return None
    if not isinstance(found, list | tuple):
        raise _not_observers(label, found)
    listed = cast("Sequence[object]", found)
    for each in listed:
        if not isinstance(each, Observer):
            raise _not_observers(label, each)
    return Teller(cast("Sequence[Observer]", listed)) if listed else None


def _not_observers(label: str, given: object) -> ParameterError:
    return ParameterError(
        f"{label}: observer must be an Observer, or a list of them, not {type(given).__name__}"
    )
