"""Validates the rows of a load: each is accepted, or left out with a reason.

On an exchange, a symbol and a token each identify one instrument. Of two rows with the same symbol
or token, one is left out as a duplicate: a share (EQ) is preferred to any other type, otherwise
the first row in the source. So a warrant never replaces the share whose token it has.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal

from oadb.engine.binding.sendable_texts import readable, unsendable
from oadb.errors import LoadError
from oadb.market.instruments import LONGEST_TEXT, Instrument, InstrumentRow, Listing, Rejected
from oadb.validation.argument_rules import is_visible

_SHOWN_REJECTIONS = 5
_SAMPLE, _LONGEST_LINE = 100, 1000
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
class Intake:
    """Validates and counts the rows of one load; rows of exchanges not in *only* are rejected."""

    broker: str
    only: Collection[str] | None = None
    rows: int = 0
    passed: int = 0
    rejected: list[Rejected] = field(default_factory=list[Rejected])
    duplicate_symbols: list[Rejected] = field(default_factory=list[Rejected])
    duplicate_tokens: list[Rejected] = field(default_factory=list[Rejected])
    # Positions of rows that were yielded before a share took their symbol or token.
    superseded: set[int] = field(default_factory=set[int])
    _shares: set[int] = field(default_factory=set[int])
    # By exchange: positions of rows by symbol and by token.
    _symbols: defaultdict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))
    _tokens: defaultdict[str, dict[str, int]] = field(default_factory=lambda: defaultdict(dict))

    @property
    def accepted(self) -> int:
        """Number of rows in the new set."""
        return self.passed - len(self.superseded)

    @property
    def exchanges(self) -> list[str]:
        """Exchanges that the load replaces: *only*, or without it those of valid rows."""
        return sorted(self._symbols if self.only is None else self.only)

    def accepted_by_exchange(self) -> dict[str, int]:
        """Return the number of rows in the new set of each exchange."""
        return {
            exchange: len({*self._symbols.get(exchange, {}).values()} - self.superseded)
            for exchange in self.exchanges
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
        shown = "".join(f"\n  {rejected}" for rejected in self.rejected[:_SHOWN_REJECTIONS])
        raise LoadError(f"none of {self.rows} rows can be loaded; the first reasons:{shown}")

    def counts(self) -> dict[str, object]:
        """Return how many rows were read, accepted and left out, for the record of the load."""
        return {
            "rows": self.rows,
            "accepted": self.accepted,
            "rejected": len(self.rejected),
            "duplicate_symbols": len(self.duplicate_symbols),
            "duplicate_tokens": len(self.duplicate_tokens),
        }

    def left_out(self) -> list[str]:
        """Return a sample of the rows left out, as lines that PostgreSQL can store."""
        kinds = (self.rejected, self.duplicate_symbols, self.duplicate_tokens)
        sample = [each for kind in kinds for each in kind[:_SAMPLE]]
        lines = [f"{each}; it is {each.sample!r}" if each.sample else str(each) for each in sample]
        return [readable(line, _LONGEST_LINE) for line in lines]

    def _listings(self, rows: Iterable[InstrumentRow]) -> Iterator[Listing]:
        for self.rows, row in enumerate(rows, 1):
            if isinstance(row, Rejected):
                self.rejected.append(row)
                continue
            reason = self._fault_of(row)
            if reason is not None:
                self.rejected.append(Rejected(f"row {self.rows}", reason))
                continue
            listing = row if isinstance(row, Listing) else Listing.of(row)
            if self._claims(listing):
                self.passed += 1
                yield listing

    def _fault_of(self, row: Instrument | Listing) -> str | None:
        """Return what is wrong with a row; its reader has checked the fields of a Listing."""
        if row.broker != self.broker:
            return f"broker is {row.broker!r}; this load is for {self.broker!r}"
        if self.only is not None and row.exchange not in self.only:
            return f"exchange is {row.exchange[:40]!r}; this load is for {', '.join(self.only)}"
        return None if isinstance(row, Listing) else _wrong_text(row) or _wrong_number(row)

    def _claims(self, row: Listing) -> bool:
        """Claim the symbol and token for the current row; False if another row keeps one."""
        symbols, tokens = self._symbols[row.exchange], self._tokens[row.exchange]
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
        return True

    def _displaces(
        self, is_share: bool, holder: int | None, column: str, value: str, losers: list[Rejected]
    ) -> bool:
        """Return whether the current row takes a value from its *holder*; record who loses it."""
        if holder is None or holder in self.superseded:
            return True
        wins = is_share and holder not in self._shares
        kept, lost = (self.rows, holder) if wins else (holder, self.rows)
        why = "is a share" if wins else "comes first"
        reason = f"{column} {value!r} is that of row {kept}, which {why}"
        losers.append(Rejected(f"row {lost}", reason))
        return wins


def require_no_shrinking(sizes: dict[str, tuple[int, int]], limit: float) -> None:
    """Check that no exchange loses too many of its instruments.

    Args:
        sizes: the number of instruments of each exchange before and after the load.
        limit: the part of an exchange's instruments, 0 to 1, that it may lose.

    Raises:
        LoadError: an exchange would lose more.
    """
    shrinking = ", ".join(
        f"{exchange} from {before:,} to {after:,}"
        for exchange, (before, after) in sizes.items()
        if after < before * (1 - limit)
    )
    if shrinking:
        raise LoadError(
            f"instruments would vanish: {shrinking}; more than {limit:.0%} of an exchange. "
            "Check the source; if it is right, force the load"
        )


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
