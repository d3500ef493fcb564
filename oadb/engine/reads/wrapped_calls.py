"""What stands in the place of a query, and wraps it."""

from typing import Any

from oadb.engine.binding.guards import Guards
from oadb.engine.observing import StatementKind


class WrappedCall:
    """What executors ask of a query, answered by the query that it wraps."""

    special = "combined"
    is_copy = is_judged = False
    guards = Guards()

    def __init__(self, query: Any, params: tuple[Any, ...]) -> None:
        self._query, self._params = query, params
        self.is_repeatable: bool = query.is_repeatable

    @property
    def label(self) -> str:
        """What errors call it."""
        return str(self._query.label)

    @property
    def observed_label(self) -> str:
        """What observers call it."""
        return str(self._query.observed_label)

    @property
    def kind(self) -> StatementKind:
        """How it runs."""
        kind: StatementKind = self._query.kind
        return kind

    @property
    def source_place(self) -> str:
        """File and line of its SQL."""
        return str(self._query.source_place)

    def place_at(self, position: int) -> str:
        """Return file and line of a *position* in the statement."""
        return str(self._query.place_at(position))
