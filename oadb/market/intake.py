"""Validates the rows of a load: each is accepted, or left out with a reason.

On an exchange, a symbol and a token each identify one instrument. Of two rows with the same symbol
or token, one is left out as a duplicate: a share (EQ) is preferred to any other type, otherwise
the first row in the source. So a warrant never replaces the share whose token it has.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from oadb.engine.binding.sendable_texts import readable, unsendable
from oadb.errors import LoadError
from oadb.market.instruments import LONGEST_TEXT, Instrument, InstrumentRow, Listing, Rejected
from oadb.market.left_out import Tally, merged, merged_reasons
from oadb.market.load_rows import LoadChange, LoadReport
from oadb.validation.argument_rules import is_visible

_SHOWN_REJECTIONS = 5
_LONGEST_LINE = 1000
_SHARE = "EQ"
_OPTIONS = frozenset({"CE", "PE"})

# The range of a price, which also bounds its size in the table.
_LOWEST_PRICE, _HIGHEST_PRICE = Decimal("1e-20"), Decimal("1e20")
_LARGEST_LOT = 2**63 - 1

_REQUIRED_TEXTS = (
    "exchange",
    "symbol",
    "broker_symbol",
    "broker_exchange",
    "token",
    "instrument_type",
)

# Characters that COPY's text format escapes.
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TABS = len(Listing._fields) - 1

_LINES_IN_BLOCK = 1000


@dataclass(slots=True)
class _Exchange:
    """The valid rows of an exchange: positions by symbol and by token, and the last expiry."""

    symbols: dict[str, int] = field(default_factory=dict[str, int])
    tokens: dict[str, int] = field(default_factory=dict[str, int])
    # As in a Listing: dates compare as texts, and there is none yet.
    last_expiry: str = ""


@dataclass(slots=True)
class Intake:
    """Validates and counts the rows of one load; rows of exchanges not in *only* are omitted."""

    broker: str
    only: Collection[str] | None = None
    rows: int = 0
    passed: int = 0
    rejected: Tally = field(default_factory=Tally)
    # What its reader, or *only*, leaves out on purpose.
    omitted: Tally = field(default_factory=Tally)
    duplicate_symbols: Tally = field(default_factory=Tally)
    duplicate_tokens: Tally = field(default_factory=Tally)
    # Positions of rows that were yielded before a share took their symbol or token.
    superseded: set[int] = field(default_factory=set[int])
    _shares: set[int] = field(default_factory=set[int])
    _known: defaultdict[str, _Exchange] = field(default_factory=lambda: defaultdict(_Exchange))

    @property
    def accepted(self) -> int:
        """Number of rows in the new set."""
        return self.passed - len(self.superseded)

    @property
    def exchanges(self) -> list[str]:
        """Exchanges that the load replaces: *only*, or without it those of valid rows."""
        return sorted(self._known if self.only is None else self.only)

    def accepted_by_exchange(self) -> dict[str, int]:
        """Return the number of rows in the new set of each exchange."""
        return {
            exchange: len({*known.symbols.values()} - self.superseded)
            for exchange in self.exchanges
            for known in (self._known.get(exchange, _Exchange()),)
        }

    def last_expiries(self) -> dict[str, str]:
        """Return the last expiry of each exchange that has contracts in the new set, as text."""
        return {
            exchange: known.last_expiry
            for exchange, known in self._known.items()
            if known.last_expiry
        }

    def accept(self, rows: Iterable[InstrumentRow]) -> Iterator[bytes]:
        """Yield the rows to stage, as blocks of lines in COPY's text format."""
        lines: list[str] = []
        for row in self._listings(rows):
            lines.append(f"{_line(row)}\t{self.rows}\n")
            if len(lines) == _LINES_IN_BLOCK:
                yield "".join(lines).encode()
                lines.clear()
        yield "".join(lines).encode()

    def require_any(self) -> None:
        """Check that a row was accepted.

        Raises:
            LoadError: no row was; gives the first reasons.
        """
        if self.accepted:
            return
        if not self.rows:
            raise LoadError("there are no rows; an empty set is never loaded")
        sample = (*self.rejected.sample, *self.omitted.sample)
        shown = "".join(f"\n  {row}" for row in sample[:_SHOWN_REJECTIONS])
        raise LoadError(f"none of {self.rows} rows can be loaded; the first reasons:{shown}")

    def counts(self) -> dict[str, object]:
        """Return how many rows were read, accepted and left out, for the record of the load."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "rejected": self.rejected.rows,
            "omitted": self.omitted.rows,
            "duplicate_symbols": self.duplicate_symbols.rows,
            "duplicate_tokens": self.duplicate_tokens.rows,
            "reasons": merged_reasons(*self._tallies()),
        }

    def left_out(self) -> list[str]:
        """Return a sample of the rows left out, as lines that PostgreSQL can store."""
        sample = [each for tally in self._tallies() for each in tally.sample]
        lines = [f"{each}; it is {each.sample!r}" if each.sample else str(each) for each in sample]
        return [readable(line, _LONGEST_LINE) for line in lines]

    def report(
        self,
        load_id: int,
        changes: Iterable[LoadChange],
        sizes: Mapping[str, tuple[int, int]],
        objections: Iterable[str],
    ) -> LoadReport:
        """Return the report of the load, whose rows were compared with the table."""
        return LoadReport(
            load_id=load_id,
            rows=self.rows,
            accepted=self.accepted,
            rejected=self.rejected.left_out(),
            omitted=self.omitted.left_out(),
            duplicates=merged(self.duplicate_symbols, self.duplicate_tokens),
            changes=tuple(changes),
            exchanges={exchange: sizes[exchange] for exchange in self.exchanges},
            objections=tuple(objections),
        )

    def _tallies(self) -> tuple[Tally, ...]:
        return self.rejected, self.omitted, self.duplicate_symbols, self.duplicate_tokens

    def _listings(self, rows: Iterable[InstrumentRow]) -> Iterator[Listing]:
        for self.rows, row in enumerate(rows, 1):
            if isinstance(row, Rejected):
                (self.omitted if row.omitted else self.rejected).add(row)
                continue
            fault = self._fault_of(row)
            if fault is not None:
                (self.omitted if fault.omitted else self.rejected).add(fault)
                continue
            listing = row if isinstance(row, Listing) else Listing.of(row)
            if self._claims(listing):
                self.passed += 1
                yield listing

    def _fault_of(self, row: Instrument | Listing) -> Rejected | None:
        """Return what is wrong with a row; its reader has checked the fields of a Listing."""
        omitted = False
        if row.broker != self.broker:
            reason = f"broker is {row.broker!r}; this load is for {self.broker!r}"
        elif self.only is not None and row.exchange not in self.only:
            omitted = True
            reason = f"exchange is {row.exchange[:40]!r}; this load is for {', '.join(self.only)}"
        else:
            fault = None if isinstance(row, Listing) else _wrong_text(row) or _wrong_number(row)
            if fault is None:
                return None
            reason = fault
        return Rejected(f"row {self.rows}", reason, exchange=row.exchange, omitted=omitted)

    def _claims(self, row: Listing) -> bool:
        """Claim the symbol and token for the current row; False if another row keeps one."""
        known = self._known[row.exchange]
        symbols, tokens = known.symbols, known.tokens
        by_symbol, by_token = symbols.get(row.symbol), tokens.get(row.token)
        is_share = row.instrument_type == _SHARE
        if by_symbol or by_token:
            if not (
                self._displaces(is_share, by_symbol, "symbol", row.symbol, self.duplicate_symbols)
                and self._displaces(is_share, by_token, "token", row.token, self.duplicate_tokens)
            ):
                return False
            self.superseded.update(filter(None, (by_symbol, by_token)))
        if is_share:
            self._shares.add(self.rows)
        symbols[row.symbol] = tokens[row.token] = self.rows
        if row.expiry > known.last_expiry:  # noqa: PLR1730  # max() takes three times as long
            known.last_expiry = row.expiry
        return True

    def _displaces(
        self, is_share: bool, holder: int | None, column: str, value: str, losers: Tally
    ) -> bool:
        """Return whether the current row takes a value from its *holder*; record who loses it."""
        if holder is None or holder in self.superseded:
            return True
        wins = is_share and holder not in self._shares
        kept, lost = (self.rows, holder) if wins else (holder, self.rows)
        why = "is a share" if wins else "comes first"
        reason = f"{column} {value!r} is that of row {kept}, which {why}"
        losers.add(Rejected(f"row {lost}", reason))
        return wins


def _line(row: Listing) -> str:
    """Return a row as a line of COPY's text format, without its end."""
    line = "\t".join(row)
    if "\\" in line or "\n" in line or "\r" in line or line.count("\t") != _TABS:
        line = "\t".join(text.translate(_ESCAPES) for text in row)
    return line


def _wrong_text(row: Instrument) -> str | None:
    for column in (*_REQUIRED_TEXTS, "name", "underlying"):
        value = getattr(row, column)
        if value is None and column not in _REQUIRED_TEXTS:
            continue
        if not isinstance(value, str) or not is_visible(value):
            return f"{column} is empty"
        if len(value) > LONGEST_TEXT:
            return f"{column} has {len(value)} characters; at most {LONGEST_TEXT} are allowed"
        fault = unsendable(value)
        if fault is not None:
            return f"{column} holds {fault}"
    return None


def _wrong_number(row: Instrument) -> str | None:
    if not 0 <= row.lot_size <= _LARGEST_LOT:
        return f"lot_size is {row.lot_size}; expected a whole number from 0"
    if row.freeze_quantity is not None and not 0 < row.freeze_quantity <= _LARGEST_LOT:
        return f"freeze_quantity is {row.freeze_quantity}; expected a whole number above 0"
    return _wrong_price(row)


def _wrong_price(row: Instrument) -> str | None:
    if not _is_price(row.tick_size) and row.tick_size != 0:
        return f"tick_size is {row.tick_size}; expected a number from 0"
    if row.contract_value is not None and not _is_price(row.contract_value):
        return f"contract_value is {row.contract_value}; expected a number above 0"
    if row.strike is not None and not _is_price(row.strike):
        return f"strike is {row.strike}; expected a number above 0"
    if row.instrument_type in _OPTIONS and (row.strike is None or row.expiry is None):
        return f"an option ({row.instrument_type}) needs both strike and expiry"
    return None


def _is_price(value: Decimal) -> bool:
    return value.is_finite() and _LOWEST_PRICE <= value <= _HIGHEST_PRICE
