"""Strategies of OpenAlgo, those of Chartink as well, with their mappings and webhooks.

A webhook is a random UUID there, and goes on working: whoever alerts needs no new address.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import time

from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import takeover
from oadb.importing.columns import created, one_of, optional_flag, optional_text, text, whole
from oadb.importing.reports import TableReport
from oadb.importing.sources import Row, Sources
from oadb.importing.users_import import Users
from oadb.security.secret import Secret
from oadb.trading import strategies
from oadb.trading.strategies import CHARTINK, TradingMode
from oadb.trading.strategy_changes import TIME_ZONE, Mapping, ProductType

# Where the mappings of each table are, and the column of their symbol.
_MAPPINGS = {
    "strategies": ("strategy_symbol_mappings", "symbol"),
    "chartink_strategies": ("chartink_symbol_mappings", "chartink_symbol"),
}

_CLOCK = re.compile(r"\d\d:\d\d", re.ASCII)


@dataclass(slots=True)
class Strategies:
    """Brings the strategies of one table over, each with its mappings or not at all."""

    table: str
    sources: Sources
    users: Users
    _mappings: dict[int, list[Row]] | None = None

    def bring(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Take over a strategy; False if it is here already, whatever became of it."""
        user_id, strategy_id = self.users.owner(row, "user_id"), self.users.id(self.table, row)
        is_active, chartink = optional_flag(row, "is_active"), self.table != "strategies"
        taken = takeover.adopt_strategy(
            tx, user_id, strategy_id, text(row, "name"), Secret(text(row, "webhook_id")),
            platform=CHARTINK if chartink else optional_text(row, "platform") or "tradingview",
            trading_mode="BOTH" if chartink else one_of(row, "trading_mode", _MODES, "LONG"),
            is_active=is_active or False,
            is_intraday=optional_flag(row, "is_intraday") is not False,
            start_time=_clock(row, "start_time"), end_time=_clock(row, "end_time"),
            squareoff_time=_clock(row, "squareoff_time"), time_zone=TIME_ZONE,
            created_at=created(row),
        )  # fmt: skip
        if taken:
            if self._mappings is None:
                self._mappings = self._read(report)
            mappings = [*self._of(self._mappings.get(whole(row, "id"), []))]
            strategies.put_mappings(tx, user_id, strategy_id, mappings)
            if is_active is None:
                report.note(row.get("id"), "whether it is active is not said: it is switched off")
        return taken

    def _read(self, report: TableReport) -> dict[int, list[Row]]:
        """Return the mappings of each strategy; those that name none are told."""
        table, _ = _MAPPINGS[self.table]
        found, strays = defaultdict[int, list[Row]](list), 0
        for row in self.sources.rows(table):
            try:
                found[whole(row, "strategy_id")].append(row)
            except RowError:
                strays += 1
        if strays:
            report.remarks.append(f"{strays:,} rows of {table} are left out: they name no strategy")
        return found

    def _of(self, rows: list[Row]) -> Iterator[Mapping]:
        """Yield the mappings of a strategy. Raises RowError naming the mapping."""
        table, column = _MAPPINGS[self.table]
        for row in rows:
            try:
                yield _mapping(row, column)
            except RowError as fault:
                raise RowError(f"{table} {row.get('id')}: {fault}") from None


_PRODUCTS: dict[str, ProductType] = {"CNC": "CNC", "MIS": "MIS", "NRML": "NRML"}
_MODES: dict[str, TradingMode] = {"LONG": "LONG", "SHORT": "SHORT", "BOTH": "BOTH"}


def _mapping(row: Row, column: str) -> Mapping:
    return Mapping(
        text(row, column), text(row, "exchange"), whole(row, "quantity"),
        one_of(row, "product_type", _PRODUCTS),
    )  # fmt: skip


def _clock(row: Row, column: str) -> time | None:
    """Return a time of the day; None: there is no limit. Raises RowError."""
    given = optional_text(row, column)
    if given is None:
        return None
    try:
        if _CLOCK.fullmatch(given):
            return time.fromisoformat(given)
    except ValueError:
        pass
    raise RowError(f"{column} is no time such as 09:15")
