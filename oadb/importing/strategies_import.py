"""Imports strategies, including those of Chartink, with their mappings and webhooks.

A webhook of OpenAlgo is a random UUID, and keeps working: senders of alerts change nothing.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import time
from uuid import UUID

from oadb.engine.binding.values import UNSET
from oadb.engine.executors import Executor
from oadb.errors import RowError
from oadb.importing import strategy_takeover
from oadb.importing.columns import created, label, one_of, optional_flag, optional_text, text, whole
from oadb.importing.comparing import Counterpart, State
from oadb.importing.openalgo_tables import Row
from oadb.importing.owners_import import Owners
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources
from oadb.security.secret import Secret
from oadb.security.tokens import sha256_of
from oadb.trading import chartink, strategies
from oadb.trading.strategies import Direction, ProductType, SymbolMapping
from oadb.trading.strategy_rows import CHARTINK, TIME_ZONE, Profile

# For each table: the table of its mappings, and their column of the symbol.
_MAPPINGS = {
    "strategies": ("strategy_symbol_mappings", "symbol"),
    "chartink_strategies": ("chartink_symbol_mappings", "chartink_symbol"),
}

_HOURS_MINUTES = re.compile(r"(\d{1,2}):(\d{1,2})", re.ASCII)


@dataclass(slots=True)
class Strategies:
    """The strategies of one table, each with all its mappings or not at all."""

    table: str
    sources: Sources
    owners: Owners
    identity = "user_id"
    _mappings: dict[int, list[Row]] | None = None
    _orphans: int = 0

    def read(self, row: Row) -> State:
        """Return what a strategy is, its webhook, and its mappings by symbol."""
        given = self._given(row)
        values = {
            "user_id": str(self.owners.owner(row, "user_id")),
            "name": text(row, "name"),
            "webhook_id": sha256_of(Secret(text(row, "webhook_id"))).hex(),
        }
        mappings = {f"mapping {each.symbol}": _written(each) for each in self._of(row)[0]}
        return values | _shown(given) | mappings

    def create(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Take over a strategy; False if oadb has it, even if changed since."""
        user_id, strategy_id = self._place(row)
        given = self._given(row)
        taken = strategy_takeover.adopt_strategy(
            tx,
            user_id,
            strategy_id,
            label(row, "name"),
            Secret(text(row, "webhook_id")),
            platform=given.platform,
            direction=given.direction,
            is_active=given.is_active,
            is_intraday=given.is_intraday,
            start_time=given.start_time,
            end_time=given.end_time,
            squareoff_time=given.squareoff_time,
            time_zone=TIME_ZONE,
            created_at=created(row),
        )
        if taken:
            mappings, repeated = self._of(row)
            strategies.put_mappings(tx, user_id, strategy_id, mappings)
            self._note(row, repeated, report)
        return taken

    def find(self, tx: Executor, row: Row, there: State, _target: str | None) -> Counterpart | None:
        """Return the strategy that a row became."""
        place = self._place(row)
        found, webhook = self._get(tx, *place), strategy_takeover.find_webhook(tx, *place)
        if found is None or webhook is None:
            return None
        strategy, mappings = found
        values = {"user_id": there["user_id"], "name": strategy.name, "webhook_id": webhook}
        shown = {f"mapping {each.symbol}": _written(each) for each in mappings}
        return Counterpart("", values | _shown(strategy) | shown)

    def follow(
        self, tx: Executor, row: Row, _there: State, _here: Counterpart, names: frozenset[str]
    ) -> str:
        """Take what changed: a strategy is switched off before, and on after everything else."""
        place, given = self._place(row), self._given(row)
        if "is_active" in names and not given.is_active:
            strategies.set_active(tx, *place, is_active=False)
        if "name" in names:
            strategies.rename(tx, *place, text(row, "name"))
        if "webhook_id" in names:
            strategy_takeover.replace_webhook(tx, *place, Secret(text(row, "webhook_id")))
        self._follow_kind(tx, place, given, names)
        changed = {name.partition(" ")[2] for name in names if name.startswith("mapping ")}
        kept = [each for each in self._of(row)[0] if each.symbol in changed]
        gone = changed - {each.symbol for each in kept}
        strategies.delete_mappings(tx, *place, sorted(gone))
        strategies.put_mappings(tx, *place, kept)
        if "is_active" in names and given.is_active:
            strategies.set_active(tx, *place, is_active=True)
        return ""

    def _follow_kind(
        self, tx: Executor, place: tuple[int, UUID], given: "_Given", names: frozenset[str]
    ) -> None:
        if names & {"platform", "trading_mode", "is_intraday"}:
            strategy_takeover.set_kind(
                tx,
                *place,
                platform=given.platform if "platform" in names else UNSET,
                direction=given.direction if "trading_mode" in names else UNSET,
                is_intraday=given.is_intraday if "is_intraday" in names else UNSET,
            )
        if names & {"start_time", "end_time", "squareoff_time"}:
            strategies.update(
                tx,
                *place,
                start_time=given.start_time if "start_time" in names else UNSET,
                end_time=given.end_time if "end_time" in names else UNSET,
                squareoff_time=given.squareoff_time if "squareoff_time" in names else UNSET,
            )

    def _place(self, row: Row) -> tuple[int, UUID]:
        return self.owners.owner(row, "user_id"), self.owners.id(self.table, row)

    def _get(
        self, tx: Executor, user_id: int, strategy_id: UUID
    ) -> tuple[Profile, list[SymbolMapping]] | None:
        """Return a strategy of either kind, and its mappings."""
        if self.table == "strategies":
            found = strategies.get(tx, user_id, strategy_id)
            return None if found is None else (found, [*found.mappings])
        scan = chartink.get(tx, user_id, strategy_id)
        if scan is None:
            return None
        mappings = [
            SymbolMapping(each.chartink_symbol, each.exchange, each.quantity, each.product_type)
            for each in scan.mappings
        ]
        return scan, mappings

    def _given(self, row: Row) -> "_Given":
        is_chartink = self.table != "strategies"
        return _Given(
            CHARTINK if is_chartink else optional_text(row, "platform") or "tradingview",
            "BOTH" if is_chartink else one_of(row, "trading_mode", _DIRECTIONS, "LONG"),
            optional_flag(row, "is_active") or False,
            optional_flag(row, "is_intraday") is not False,
            _time_of_day(row, "start_time"),
            _time_of_day(row, "end_time"),
            _time_of_day(row, "squareoff_time"),
        )

    def _note(self, row: Row, repeated: list[str], report: TableReport) -> None:
        """Say what a person should know of a strategy that was taken over."""
        if optional_flag(row, "is_active") is None:
            report.note(row.get("id"), "it does not say whether it is active: it is switched off")
        for symbol in repeated:
            report.note(row.get("id"), f"it has several mappings of {symbol}: the first one counts")

    def _of(self, row: Row) -> tuple[list[SymbolMapping], list[str]]:
        """Return the mappings of a strategy, of each symbol the first, and the repeated symbols."""
        if self._mappings is None:
            self._mappings = self._read()
        first, repeated = dict[str, SymbolMapping](), list[str]()
        for each in self._converted(self._mappings.get(whole(row, "id"), [])):
            if first.setdefault(each.symbol, each) is not each:
                repeated.append(each.symbol)
        return [*first.values()], repeated

    def remark(self, report: TableReport, strategies_seen: Collection[int]) -> None:
        """Remark on mappings without a strategy."""
        table, _ = _MAPPINGS[self.table]
        orphans = self._orphans + sum(
            len(rows)
            for strategy_id, rows in (self._mappings or {}).items()
            if strategy_id not in strategies_seen
        )
        if orphans:
            report.lack(f"{orphans:,} rows of {table} are left out: they belong to no strategy")

    def _read(self) -> dict[int, list[Row]]:
        """Return the mappings of each strategy, and count those without one."""
        table, _ = _MAPPINGS[self.table]
        found = defaultdict[int, list[Row]](list)
        for row in self.sources.rows(table):
            try:
                found[whole(row, "strategy_id")].append(row)
            except RowError:
                self._orphans += 1
        return found

    def _converted(self, rows: list[Row]) -> Iterator[SymbolMapping]:
        """Yield the mappings of a strategy; a RowError names the mapping."""
        table, column = _MAPPINGS[self.table]
        for row in rows:
            try:
                yield _mapping(row, column)
            except RowError as fault:
                raise RowError(f"{table} {row.get('id')}: {fault}") from None


@dataclass(frozen=True, slots=True)
class _Given:
    """What kind of strategy one is in OpenAlgo, and when it trades."""

    platform: str
    direction: Direction
    is_active: bool
    is_intraday: bool
    start_time: time | None
    end_time: time | None
    squareoff_time: time | None


def _shown(given: "_Given | Profile") -> dict[str, str]:
    """Return the fields of a strategy under the names of OpenAlgo."""
    times = {
        "start_time": given.start_time,
        "end_time": given.end_time,
        "squareoff_time": given.squareoff_time,
    }
    return {
        "platform": given.platform,
        "trading_mode": given.direction,
        "is_active": str(given.is_active),
        "is_intraday": str(given.is_intraday),
        **{name: each.isoformat() for name, each in times.items() if each is not None},
    }


def _written(mapping: SymbolMapping) -> str:
    return f"{mapping.exchange} {mapping.quantity} {mapping.product_type}"


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
    found = _HOURS_MINUTES.fullmatch(given)
    if found is not None:
        with suppress(ValueError):
            return time(int(found[1]), int(found[2]))
    raise RowError(f"{column} is not a time such as 09:15")
