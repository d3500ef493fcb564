"""A statement, and where the tables are that it names: what decides whether a cluster takes it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from oadb.tools.scale.layout_file import TablePlacement
from oadb.tools.scale.query_blocks import QueryBlock, SqlText

_TIMES = frozenset({"current_date", "current_time", "current_timestamp", "localtimestamp"})


@dataclass(frozen=True, slots=True)
class PlacedNames:
    """What the names in statements mean on a cluster.

    Attributes:
        tables: By name, where each table is; also views, as the tables behind them.
        row_functions: Functions in SQL that return rows of parameters, which are made a part of the
            statement that calls them.
    """

    tables: Mapping[str, TablePlacement]
    row_functions: frozenset[str] = frozenset()


class PlacedSql:
    """A statement, and where the tables are that it names."""

    def __init__(self, text: SqlText, names: PlacedNames) -> None:
        self.text, self.names = text, names
        found = [self._place(name) for _, name in text.names(range(len(text.texts)))]
        self.is_placed = any(each != "coordinator" for each in found)
        self.is_spread = "distributed" in found

    def _place(self, name: str) -> str:
        placement = self.names.tables.get(name)
        return "coordinator" if placement is None else placement.placement

    def blocks(self, *commands: str) -> list[QueryBlock]:
        """Return the queries of these commands."""
        return [each for each in self.text.blocks if each.command in commands]

    def changes_placed(self, block: QueryBlock) -> bool:
        """Return whether a block changes a table that is not on the coordinator alone."""
        return self._place(self.text.target(block)) != "coordinator"

    def spread(self, block: QueryBlock, numbers: Iterable[int]) -> bool:
        """Return whether a distributed table is named among tokens, of any of its shards."""
        named = {name for _, name in self.text.names(numbers) if self._place(name) == "distributed"}
        return any(not self._is_pinned(block, self.names.tables[name].by) for name in named)

    def _is_pinned(self, block: QueryBlock, column: str) -> bool:
        """Return whether a column is compared with a parameter, so that one shard is meant."""
        texts, kinds = self.text.texts, self.text.kinds
        return any(
            texts[n] == column and texts[n + 1 : n + 2] == ["="] and kinds[n + 2] == "placeholder"
            for n in block.level
            if self.text.at(n + 2)
        )

    def calls(self, numbers: Iterable[int], functions: frozenset[str]) -> bool:
        """Return whether one of these functions is called, or the time asked for by a word."""
        return any(
            (self.text.texts[n] in functions and self.text.at(n + 1, "("))
            or ("now" in functions and self.text.texts[n] in _TIMES)
            for n in numbers
        )
