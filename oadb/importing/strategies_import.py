"""Imports strategies, including those of Chartink, with their mappings and webhooks.

A webhook of OpenAlgo is a random UUID, and keeps working: senders of alerts change nothing.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time

from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import strategy_takeover
from oadb.importing.columns import created, label, one_of, optional_flag, optional_text, text, whole
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources
from oadb.importing.users_import import Users
from oadb.security.secret import Secret
from oadb.trading import strategies
from oadb.trading.strategies import Direction, ProductType, SymbolMapping
from oadb.trading.strategy_rows import CHARTINK, TIME_ZONE

# For each table: the table of its mappings, and their column of the symbol.
_MAPPINGS = {
    "strategies": ("strategy_symbol_mappings", "symbol"),
    "chartink_strategies": ("chartink_symbol_mappings", "chartink_symbol"),
}

_HOURS_MINUTES = re.compile(r"\d\d:\d\d", re.ASCII)


@dataclass(slots=True)
class Strategies:
    """Imports the strategies of one table, each with all its mappings or not at all."""

    table: str
    sources: Sources
    users: Users
    _mappings: dict[int, list[Row]] | None = None

    def take_over(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Take over a strategy; False if it was taken over before, even if changed since."""
        user_id, strategy_id = self.users.owner(row, "user_id"), self.users.id(self.table, row)
        is_active, chartink = optional_flag(row, "is_active"), self.table != "strategies"
        taken = strategy_takeover.adopt_strategy(
            tx,
            user_id,
            strategy_id,
            label(row, "name"),
            Secret(text(row, "webhook_id")),
            platform=CHARTINK if chartink else optional_text(row, "platform") or "tradingview",
            direction="BOTH" if chartink else one_of(row, "trading_mode", _DIRECTIONS, "LONG"),
            is_active=is_active or False,
            is_intraday=optional_flag(row, "is_intraday") is not False,
            start_time=_time_of_day(row, "start_time"),
            end_time=_time_of_day(row, "end_time"),
            squareoff_time=_time_of_day(row, "squareoff_time"),
            time_zone=TIME_ZONE,
            created_at=created(row),
        )
        if taken:
            if self._mappings is None:
                self._mappings = self._read(report)
            mappings = [*self._converted(self._mappings.get(whole(row, "id"), []))]
            strategies.put_mappings(tx, user_id, strategy_id, mappings)
            if is_active is None:
                report.note(
                    row.get("id"), "it does not say whether it is active: it is switched off"
                )
        return taken

    def _read(self, report: TableReport) -> dict[int, list[Row]]:
        """Return the mappings of each strategy; remark on mappings without a strategy."""
        table, _ = _MAPPINGS[self.table]
        found, orphans = defaultdict[int, list[Row]](list), 0
        for row in self.sources.rows(table):
            try:
                found[whole(row, "strategy_id")].append(row)
            except RowError:
                orphans += 1
        if orphans:
            report.remarks.append(
                f"{orphans:,} rows of {table} are left out: they belong to no strategy"
            )
        return found

    def _converted(self, rows: list[Row]) -> Iterator[SymbolMapping]:
        """Yield the mappings of a strategy; a RowError names the mapping."""
        table, column = _MAPPINGS[self.table]
        for row in rows:
            try:
                yield _mapping(row, column)
            except RowError as fault:
                raise RowError(f"{table} {row.get('id')}: {fault}") from None


_PRODUCTS: dict[str, ProductType] = {"CNC": "CNC", "MIS": "MIS", "NRML": "NRML"}
_DIRECTIONS: dict[str, Direction] = {"LONG": "LONG", "SHORT": "SHORT", "BOTH": "BOTH"}


def _mapping(row: Row, column: str) -> SymbolMapping:
    return SymbolMapping(
        label(row, column),
        label(row, "exchange"),
        whole(row, "quantity"),
        one_of(row, "product_type", _PRODUCTS),
    )


def _time_of_day(row: Row, column: str) -> time | None:
    """Return a time of the day; None if it is missing."""
    given = optional_text(row, column)
    if given is None:
        return None
    try:
        if _HOURS_MINUTES.fullmatch(given):
            return time.fromisoformat(given)
    except ValueError:
        pass
    raise RowError(f"{column} is not a time such as 09:15")
