"""Master contracts: what each broker lists. The SQL is in sql/queries/instruments.sql."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from operator import attrgetter

from oadb.engine.executors import AsyncExecutor
from oadb.engine.operations import operation
from oadb.engine.queries import queries
from oadb.engine.results import Affected
from oadb.engine.values import unsendable
from oadb.errors import LoadError

query = queries("instruments")

LONGEST_TEXT = 200
"""Most characters of a text field; the longest names that brokers list have about 60."""

_SHOWN_REJECTIONS = 5

# Before or after the decimal point.
_MOST_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Instrument:
    """What a broker lists on an exchange. Prices are in the currency of the exchange."""

    broker: str
    exchange: str
    symbol: str
    name: str | None
    broker_symbol: str
    broker_exchange: str
    token: str
    instrument_type: str
    expiry: date | None
    strike: Decimal | None
    lot_size: int
    tick_size: Decimal
    contract_value: Decimal


_columns = attrgetter(*(column.name for column in fields(Instrument)))


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that was not loaded: where it stands, and what was expected."""

    where: str
    reason: str

    def __str__(self) -> str:
        """Return it as compilers do: place, colon, reason."""
        return f"{self.where}: {self.reason}"


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What became of the rows of a load. ``changed`` counts rows inserted or updated."""

    rows: int
    accepted: int
    changed: int
    rejected: tuple[Rejected, ...]

    @property
    def unchanged(self) -> int:
        """Rows that the table already held as they are."""
        return self.accepted - self.changed

    def __str__(self) -> str:
        """Return it as one line."""
        return (
            f"{self.accepted:,} of {self.rows:,} rows accepted "
            f"({self.changed:,} changed), {len(self.rejected):,} rejected"
        )


@query
def get(broker: str, exchange: str, symbol: str) -> Instrument | None: ...


@query
def find_by_token(broker: str, exchange: str, token: str) -> Instrument | None: ...


@query
def count_by_broker(broker: str) -> int: ...


@query
def stream_by_broker(broker: str) -> Iterator[Instrument]: ...


@query
def export_csv() -> Iterator[bytes]: ...


@query
def claim_load(broker: str) -> bool: ...


@query
def stage(rows: Iterable[tuple[object, ...]]) -> Affected: ...


@query
def release_tokens(broker: str) -> Affected: ...


@query
def merge_staged(broker: str) -> Affected: ...


@query
def refresh_statistics() -> None: ...


@query
def clear_staged(broker: str) -> Affected: ...


query.complete()


@operation
async def load(db: AsyncExecutor, broker: str, rows: Iterable[Instrument | Rejected]) -> LoadReport:
    """Insert or update the instruments of one broker, all or none, and report.

    Rows that are invalid, and later ones with a symbol or token already seen, are rejected and
    reported; the others are written in one transaction. Instruments that *rows* do not mention
    stay. Raises LoadError if no row can be accepted or another load of this broker is running.
    """
    intake = _Intake(broker)
    async with db.transaction() as tx:
        if not await claim_load(tx, broker):
            raise LoadError(f"another load of {broker} is in progress; try again when it has ended")
        await stage(tx, map(_columns, intake.accept(rows)))
        intake.require_any()
        await release_tokens(tx, broker)
        changed = await merge_staged(tx, broker)
        await clear_staged(tx, broker)
        if changed:
            await refresh_statistics(tx)
    return LoadReport(intake.rows, intake.accepted, changed, tuple(intake.rejected))


@dataclass(slots=True)
class _Intake:
    """Looks at each row once, on its way to COPY."""

    broker: str
    rows: int = 0
    accepted: int = 0
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    seen: dict[tuple[str, str, str], int] = field(default_factory=dict[tuple[str, str, str], int])

    def accept(self, rows: Iterable[Instrument | Rejected]) -> Iterator[Instrument]:
        for self.rows, row in enumerate(rows, 1):
            if isinstance(row, Rejected):
                self.rejected.append(row)
                continue
            reason = self._refusal(row)
            if reason is not None:
                self.rejected.append(Rejected(f"row {self.rows}", reason))
                continue
            self.accepted += 1
            yield row

    def require_any(self) -> None:
        if self.accepted:
            return
        if not self.rows:
            raise LoadError("there are no rows; an empty set is never loaded")
        shown = "".join(f"\n  {rejected}" for rejected in self.rejected[:_SHOWN_REJECTIONS])
        raise LoadError(f"none of {self.rows} rows can be loaded; the first reasons:{shown}")

    def _refusal(self, row: Instrument) -> str | None:
        return self._wrong_text(row) or _wrong_number(row) or self._seen_before(row)

    def _wrong_text(self, row: Instrument) -> str | None:
        if row.broker != self.broker:
            return f"broker is {row.broker!r}; this load is for {self.broker!r}"
        for column in _REQUIRED_TEXT:
            value = getattr(row, column)
            if not isinstance(value, str) or not value.strip():
                return f"{column} is empty"
        for column in (*_REQUIRED_TEXT, "name"):
            value = getattr(row, column)
            if value is not None and len(value) > LONGEST_TEXT:
                return f"{column} has {len(value)} characters; at most {LONGEST_TEXT} are allowed"
            fault = unsendable(value)
            if fault is not None:
                return f"{column} holds {fault}"
        return None

    def _seen_before(self, row: Instrument) -> str | None:
        """Refuse what could not be found again unambiguously; the first one wins."""
        keys = {
            "symbol": ("symbol", row.exchange, row.symbol),
            "token": ("token", row.exchange, row.token),
        }
        for column, key in keys.items():
            if key in self.seen:
                earlier = f"row {self.seen[key]}"
                return f"{column} {key[2]!r} on {row.exchange} was already given in {earlier}"
        self.seen.update(dict.fromkeys(keys.values(), self.rows))
        return None


_REQUIRED_TEXT = (
    "exchange", "symbol", "broker_symbol", "broker_exchange", "token", "instrument_type",
)  # fmt: skip


def _wrong_number(row: Instrument) -> str | None:
    if row.lot_size < 0 or row.lot_size >= 2**63:
        return f"lot_size is {row.lot_size}; expected a whole number from 0"
    if not _is_price(row.tick_size) or row.tick_size < 0:
        return f"tick_size is {row.tick_size}; expected a number from 0"
    if not _is_price(row.contract_value) or row.contract_value <= 0:
        return f"contract_value is {row.contract_value}; expected a number above 0"
    if row.strike is not None and (not _is_price(row.strike) or row.strike <= 0):
        return f"strike is {row.strike}; expected a number above 0"
    if row.instrument_type in {"CE", "PE"} and (row.strike is None or row.expiry is None):
        return f"an option ({row.instrument_type}) needs both strike and expiry"
    return None


def _is_price(value: Decimal) -> bool:
    """Say whether *value* is of a size that a price can have, and that the table can hold."""
    return value.is_finite() and abs(value.adjusted()) <= _MOST_DIGITS
