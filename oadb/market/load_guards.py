"""Decides whether a load is refused, by what the broker's exchanges held and what its rows bring.

Each objection has its numbers. None depends on which exchanges the rows happen to name: one that is
listed, or that each file of the broker has, is judged also if no row is of it.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from oadb.errors import LoadError, ParameterError
from oadb.market.instruments import LONGEST_TEXT
from oadb.market.intake import Intake
from oadb.market.load_rows import Held, LoadChange

_PARTS = ("max_removed", "max_rejected", "max_vanished")

# Of instruments without an expiry, this many of a type may always go: rights, warrants and bonds
# leave a list when their time is over, which the list does not say.
_FEW = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLimits:
    """What a load may do without ``force``. The parts are 0 to 1; 1 is no limit.

    Attributes:
        max_removed: the part of an exchange's instruments that may be removed.
        max_rejected: the part of the rows that may be invalid. Rows that a reader omits because its
            file says too little about them do not count.
        max_vanished: the part of an exchange's instruments of one type that may be gone, or be
            listed with another expiry or strike, although they have not expired. Of those without
            an expiry, ten may always go.
        allow_missing: an exchange that is listed, or that each file of the broker has, may be
            missing or have no valid row; it then stays as it is.
        allow_expired: all contracts of an exchange may have expired.
    """

    max_removed: float = 0.5
    max_rejected: float = 0.02
    max_vanished: float = 0.2
    allow_missing: bool = False
    allow_expired: bool = False

    def __post_init__(self) -> None:
        """Check the parts.

        Raises:
            ParameterError: one is not 0 to 1.
        """
        for name in _PARTS:
            part = getattr(self, name)
            if not 0 <= part <= 1:
                raise ParameterError(f"LoadLimits: {name} is {part}; expected 0 to 1")


@dataclass(frozen=True, slots=True)
class Guard:
    """The rules for one load, or for a preview, which *writes* nothing.

    *together* has the exchanges of each file of the broker; it is empty for rows of another source.
    """

    limits: LoadLimits
    together: Collection[frozenset[str]]
    force: bool = False
    writes: bool = True

    def refuse(self, objections: Sequence[str]) -> None:
        """Refuse a load if there are objections, unless it is forced or a preview.

        Raises:
            LoadError: has all of them.
        """
        if objections and self.writes and not self.force:
            raise LoadError(
                f"the load is refused: {'; '.join(objections)}. Check the source; if it is right, "
                "name its exchanges, set the limits, or force the load"
            )

    def objections(
        self, intake: Intake, sizes: Mapping[str, tuple[int, int]], today: date
    ) -> Iterator[str]:
        """Yield what speaks against the rows of a load, before they are compared with the table.

        Args:
            sizes: the number of instruments of each exchange that is listed or in the load, before
                and after it.
        """
        yield from self._too_many_rejected(intake)
        if not self.limits.allow_missing:
            yield from self._missing(intake, sizes)
        if not self.limits.allow_expired:
            yield from _expired(intake.last_expiries(), today)
        for exchange in intake.exchanges:
            before, after = sizes[exchange]
            if after < before * (1 - self.limits.max_removed):
                yield (
                    f"{exchange} would shrink from {before:,} to {after:,} instruments, by more "
                    f"than {self.limits.max_removed:.0%}"
                )

    def allowances(self, held: Sequence[Held]) -> tuple[list[str], list[str], list[int]]:
        """Return exchanges, types, and how many of their instruments may be gone, as columns."""
        return (
            [each.exchange for each in held],
            [each.instrument_type for each in held],
            [self._most_vanishing(each) for each in held],
        )

    def vanishing(self, held: Sequence[Held], changes: Sequence[LoadChange]) -> Iterator[str]:
        """Yield which instruments would be gone although they have not expired."""
        known = {(each.exchange, each.instrument_type): each for each in held}
        for change in changes:
            before = known.get((change.exchange, change.instrument_type))
            if before is not None and change.vanished > self._most_vanishing(before):
                yield (
                    f"{change.vanished:,} of {before.lasting:,} {change.instrument_type} of "
                    f"{change.exchange} that have not expired would vanish, more than "
                    f"{self.limits.max_vanished:.0%}"
                )

    def _most_vanishing(self, each: Held) -> int:
        most = int(each.lasting * self.limits.max_vanished)
        return most if each.contracts else max(most, _FEW)

    def _too_many_rejected(self, intake: Intake) -> Iterator[str]:
        rows, rejected = intake.rows - intake.omitted.rows, intake.rejected.rows
        if rejected > rows * self.limits.max_rejected:
            yield (
                f"{rejected:,} of {rows:,} rows are invalid, more than "
                f"{self.limits.max_rejected:.0%} (most often, {intake.rejected.most_frequent()})"
            )

    def _missing(self, intake: Intake, sizes: Mapping[str, tuple[int, int]]) -> Iterator[str]:
        rejected = intake.rejected.by_exchange
        brought = {exchange for exchange in intake.exchanges if sizes[exchange][1]}
        for exchange in sorted(rejected.keys() - brought):
            yield f"all {rejected[exchange]:,} rows of {exchange} are invalid"
        listed = {exchange for exchange, (before, _) in sizes.items() if before}
        named = brought | rejected.keys()
        missing = self._expected(listed, named) - named
        if intake.only is not None:
            missing.intersection_update(intake.only)
        for exchange in sorted(missing & listed):
            yield f"{exchange} is missing, of which {sizes[exchange][0]:,} instruments are listed"
        if missing - listed:
            names = ", ".join(sorted(missing - listed))
            yield f"the file has no instruments of {names}, as whole files of this broker have"

    def _expected(self, listed: set[str], named: set[str]) -> set[str]:
        """Return the exchanges that must be in the file: those listed of it; at first, all.

        Brokers with one file publish the part of each exchange too, with its indices.
        """
        if len(self.together) == 1:
            (every,) = self.together
            is_part = len({exchange.removesuffix("_INDEX") for exchange in named}) == 1
            return listed or (set() if is_part else {*every})
        touched = [exchanges for exchanges in self.together if exchanges & named]
        return {each for exchanges in touched for each in (listed & exchanges or exchanges)}


def require_valid(broker: str, exchanges: Collection[str] | None) -> None:
    """Check what a load is for.

    Raises:
        ParameterError: *broker* is blank or too long, or *exchanges* is a str.
    """
    if not broker.strip() or len(broker) > LONGEST_TEXT:
        raise ParameterError(f"loads: broker is blank or exceeds {LONGEST_TEXT} characters")
    if isinstance(exchanges, str):  # which is a collection of characters
        raise ParameterError("loads: exchanges is a str; expected a list")


def sizes_of(held: Sequence[Held], accepted: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Return how many instruments each exchange has before and after a load.

    Args:
        accepted: the number of instruments of each exchange of the load; others stay as they are.
    """
    listed: dict[str, int] = {}
    for each in held:
        listed[each.exchange] = listed.get(each.exchange, 0) + each.instruments
    after = {**listed, **accepted}
    return {exchange: (listed.get(exchange, 0), after[exchange]) for exchange in sorted(after)}


def _expired(last_expiries: Mapping[str, str], today: date) -> Iterator[str]:
    for exchange, last in sorted(last_expiries.items()):
        if last < today.isoformat():
            yield f"all contracts of {exchange} have expired, the last on {last}"
