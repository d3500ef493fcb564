"""InstrumentIndex: lookups in a set of sections."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal

from oadb.errors import ParameterError
from oadb.market.index import searching
from oadb.market.index.searching import Filters
from oadb.market.index.section import Section
from oadb.market.index.terms import Matches, capitals
from oadb.market.instruments import Instrument
from oadb.validation.time_zones import INDIA

OPTIONS = frozenset({"CE", "PE"})
FUTURE = "FUT"

Pairs = Iterable[tuple[str, str]]


class InstrumentIndex:
    """The instruments of some brokers at one point in time.

    Its methods return the same as the functions of ``instruments`` and ``search`` of the same
    names. It never changes, so any number of threads may use it. ``get_token`` and ``get_symbol``
    allocate nothing. An argument of another type is a ParameterError, as there.
    """

    __slots__ = ("_by_token", "_sections", "_tokens")

    def __init__(self, sections: Iterable[Section] = ()) -> None:
        self._sections: dict[str, dict[str, Section]] = {}
        for section in sections:
            self._sections.setdefault(section.broker, {})[section.exchange] = section
        # One level for each argument, so that a lookup makes no tuple.
        self._tokens = {
            broker: {name: section.tokens for name, section in exchanges.items()}
            for broker, exchanges in self._sections.items()
        }
        self._by_token = {
            broker: {name: section.by_token for name, section in exchanges.items()}
            for broker, exchanges in self._sections.items()
        }

    def __len__(self) -> int:
        """Return the number of instruments."""
        return sum(len(section.symbols) for section in self._all())

    @property
    def brokers(self) -> list[str]:
        """Brokers that have instruments in the index."""
        return [*self._sections]

    def list_exchanges(self, broker: str) -> list[str]:
        """Return the exchanges on which a broker lists instruments, in order."""
        _require_texts("broker", broker)
        return sorted(self._sections.get(broker, {}))

    def get_token(self, broker: str, exchange: str, symbol: str) -> str | None:
        """Return the token of a symbol; None for an unknown symbol.

        Raises:
            ParameterError: an argument is not text.
        """
        try:
            found = self._tokens[broker][exchange].get(symbol)
        except KeyError:
            found = None
        if found is None:
            _require_texts("broker exchange symbol", broker, exchange, symbol)
        return found

    def get_symbol(self, broker: str, exchange: str, token: str) -> str | None:
        """Return the symbol of a token; None for an unknown token.

        Raises:
            ParameterError: an argument is not text.
        """
        try:
            found = self._by_token[broker][exchange].get(token)
        except KeyError:
            found = None
        if found is None:
            _require_texts("broker exchange token", broker, exchange, token)
        return found

    def get_broker_symbol(self, broker: str, exchange: str, symbol: str) -> str | None:
        """Return the broker's symbol of a symbol; None for an unknown symbol."""
        section = self._section(broker, exchange)
        row = None if section is None else section.row(symbol)
        if section is None or row is None:
            _require_texts("broker exchange symbol", broker, exchange, symbol)
            return None
        return section.broker_symbol(row)

    def get(self, broker: str, exchange: str, symbol: str) -> Instrument | None:
        """Return the instrument of a symbol; None for an unknown symbol."""
        section = self._section(broker, exchange)
        row = None if section is None else section.row(symbol)
        if section is None or row is None:
            _require_texts("broker exchange symbol", broker, exchange, symbol)
            return None
        return section.instrument(row)

    def find_by_token(self, broker: str, exchange: str, token: str) -> Instrument | None:
        """Return the instrument of a token; None for an unknown token.

        Raises:
            ParameterError: an argument is not text.
        """
        symbol = self.get_symbol(broker, exchange, token)
        return None if symbol is None else self.get(broker, exchange, symbol)

    def find_by_broker_symbol(
        self, broker: str, exchange: str, broker_symbol: str
    ) -> Instrument | None:
        """Return the one instrument of a broker's symbol; None if there is none, or more."""
        _require_texts("broker exchange broker_symbol", broker, exchange, broker_symbol)
        section = self._section(broker, exchange)
        rows = [] if section is None else section.rows_of_broker_symbol(broker_symbol)
        return section.instrument(rows[0]) if section is not None and len(rows) == 1 else None

    def list_by_broker_symbol(
        self, broker: str, exchange: str, broker_symbol: str
    ) -> list[Instrument]:
        """Return the instruments for which a broker uses one symbol, by the platform's symbol."""
        _require_texts("broker exchange broker_symbol", broker, exchange, broker_symbol)
        section = self._section(broker, exchange)
        if section is None:
            return []
        return [*map(section.instrument, section.rows_of_broker_symbol(broker_symbol))]

    def get_all(self, broker: str, pairs: Pairs) -> list[Instrument | None]:
        """Return the instrument of each (exchange, symbol), in order; None for unknown ones."""
        return [self.get(broker, exchange, symbol) for exchange, symbol in pairs]

    def get_all_by_token(self, broker: str, pairs: Pairs) -> list[Instrument | None]:
        """Return the instrument of each (exchange, token), in order; None for unknown ones."""
        return [self.find_by_token(broker, exchange, token) for exchange, token in pairs]

    def list_underlyings(
        self, broker: str, exchange: str, *, with_futures: bool = False
    ) -> list[str]:
        """Return underlyings of options, and *with_futures* of futures that have not expired."""
        _require_texts("broker exchange", broker, exchange)
        section, today = self._section(broker, exchange), _today()
        found = {
            terms.underlying
            for terms in (section.terms if section else ())
            if terms.underlying is not None
            and (
                terms.instrument_type in OPTIONS
                or (with_futures and terms.instrument_type == FUTURE and terms.expires_from(today))
            )
        }
        return sorted(found)

    def list_option_expiries(
        self, broker: str, exchange: str, underlying: str | None, *, with_expired: bool = False
    ) -> list[date]:
        """Return expiries of options on one underlying or on any; past ones *with_expired*."""
        return self._expiries(broker, exchange, underlying, OPTIONS, with_expired)

    def list_future_expiries(
        self, broker: str, exchange: str, underlying: str | None, *, with_expired: bool = False
    ) -> list[date]:
        """Return expiries of futures on one underlying or on any; past ones *with_expired*."""
        return self._expiries(broker, exchange, underlying, frozenset({FUTURE}), with_expired)

    def list_strikes(
        self, broker: str, exchange: str, underlying: str, expiry: date
    ) -> list[Decimal]:
        """Return the strikes of the options on one underlying and expiry, lowest first."""
        chain = self.list_chain(broker, exchange, underlying, expiry)
        return sorted({row.strike for row in chain if row.strike is not None})

    def list_chain(
        self, broker: str, exchange: str, underlying: str, expiry: date
    ) -> list[Instrument]:
        """Return the options on one underlying and expiry, by strike, each call before its put."""
        _require_texts("broker exchange underlying", broker, exchange, underlying)
        _require_day(expiry)
        section, spellings = self._section(broker, exchange), {underlying, capitals(underlying)}
        if section is None:
            return []
        codes = {
            code
            for code, terms in enumerate(section.terms)
            if terms.underlying in spellings
            and terms.expiry == expiry
            and terms.instrument_type in OPTIONS
        }
        rows = (row for row, code in enumerate(section.terms_codes) if code in codes)
        return sorted(map(section.instrument, rows), key=_chain_key)

    def search(
        self,
        broker: str,
        text: str,
        *,
        exchange: str | None = None,
        instrument_type: str | None = None,
        expiry: date | None = None,
        strike_min: Decimal | None = None,
        strike_max: Decimal | None = None,
        underlying: str | None = None,
        limit: int = 50,
    ) -> Matches:
        """Find instruments that contain every term of *text* and pass every filter.

        ``search.search`` returns the same and explains the arguments.

        Raises:
            ParameterError: as in ``search.search``.
        """
        _require_texts("broker text", broker, text)
        filters = Filters(exchange, instrument_type, expiry, strike_min, strike_max, underlying)
        sections = self._sections.get(broker, {}).values()
        return searching.search(sections, text, filters, limit)

    def _all(self) -> Iterator[Section]:
        return (section for each in self._sections.values() for section in each.values())

    def _expiries(
        self, broker: str, exchange: str, underlying: str | None, kinds: frozenset[str], past: bool
    ) -> list[date]:
        _require_texts(
            "broker exchange underlying", broker, exchange, "" if underlying is None else underlying
        )
        section, start = self._section(broker, exchange), date.min if past else _today()
        spellings = set[str]() if underlying is None else {underlying, capitals(underlying)}
        found = {
            terms.expiry
            for terms in (section.terms if section else ())
            if (underlying is None or terms.underlying in spellings)
            and terms.instrument_type in kinds
            and terms.expires_from(start)
        }
        return sorted(expiry for expiry in found if expiry is not None)

    def _section(self, broker: str, exchange: str) -> Section | None:
        return self._sections.get(broker, {}).get(exchange)


def _require_texts(names: str, *given: object) -> None:
    """Refuse a number or None in place of a text, as SQL does, instead of finding nothing."""
    for place, value in enumerate(given):
        if not isinstance(value, str):
            name = names.split()[place]
            raise ParameterError(f"index: {name} must be str, not {type(value).__name__}")


def _require_day(expiry: object) -> None:
    """Refuse a value of another type, or with a time, as SQL does."""
    if not isinstance(expiry, date) or isinstance(expiry, datetime):
        raise ParameterError(f"index: expiry must be date, not {type(expiry).__name__}")


def _chain_key(row: Instrument) -> tuple[bool, Decimal, str, str]:
    # As SQL sorts: nulls last.
    return row.strike is None, row.strike or Decimal(), row.instrument_type, row.symbol


def _today() -> date:
    return datetime.now(INDIA).date()
