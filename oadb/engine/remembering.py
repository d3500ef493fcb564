"""Queries whose answers are asked for once, by tools: most statements have the same types."""

from typing import Any

from oadb.engine.executors import Runner


class Remembered(Runner):
    """Runs each query once for the same arguments."""

    def __init__(self, db: Runner) -> None:
        self._db = db
        self._answers: dict[tuple[Any, str], Any] = {}

    def _run(self, query: Any, params: tuple[Any, ...]) -> Any:
        key = (query, repr(params))
        if key not in self._answers:
            self._answers[key] = self._db._run(query, params)
        return self._answers[key]
