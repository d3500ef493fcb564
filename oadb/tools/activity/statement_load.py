"""What each statement costs: entries of pg_stat_statements, summed by name and compared in time."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from operator import le
from typing import Literal

from oadb.tools.activity import statement_places
from oadb.tools.activity.statement_counters import CounterSnapshot, StatementEntry
from oadb.tools.activity.statement_places import StatementPlace

Measure = Literal["time", "calls", "rows", "reads", "wal", "temp"]


@dataclass(frozen=True, slots=True)
class StatementCost:
    """Counters of one statement or of several; time in milliseconds, blocks of 8 KB."""

    calls: int = 0
    total_ms: float = 0.0
    rows: int = 0
    hits: int = 0
    reads: int = 0
    temporary_blocks: int = 0
    wal_bytes: int = 0

    @property
    def mean_ms(self) -> float:
        """The time of one call."""
        return self.total_ms / self.calls if self.calls else 0.0

    @property
    def hit_share(self) -> float | None:
        """The share of blocks that were in shared_buffers; None: it asked for none."""
        blocks = self.hits + self.reads
        return self.hits / blocks if blocks else None

    def by(self, measure: Measure) -> float:
        """Return what statements are ordered by."""
        return {
            "time": self.total_ms,
            "calls": self.calls,
            "rows": self.rows,
            "reads": self.reads,
            "wal": self.wal_bytes,
            "temp": self.temporary_blocks,
        }[measure]


@dataclass(frozen=True, slots=True)
class StatementLoad:
    """What a statement costs, by its name or, of a variant, its label."""

    label: str
    place: StatementPlace
    cost: StatementCost


@dataclass(frozen=True, slots=True)
class CostReport:
    """What statements cost since a moment: each one of packages, and the others together.

    Attributes:
        seconds: how long it was.
        loads: the worst first.
        other: statements of no package: those of psql and other programs, COMMIT, FETCH.
        hidden: statements of other roles that this one may not see; they are in *other*.
        remarks: what keeps the numbers from being what they seem.
    """

    seconds: float
    loads: tuple[StatementLoad, ...]
    other: StatementCost
    hidden: StatementCost
    total: StatementCost
    remarks: tuple[str, ...]


def report(
    later: CounterSnapshot,
    earlier: CounterSnapshot | None,
    places: Mapping[str, StatementPlace],
    *,
    by: Measure,
    variants: bool,
) -> CostReport:
    """Sum what was counted since *earlier*; None: since the counters were reset.

    Args:
        places: of the statements of packages, by name.
        variants: whether those of a statement are apart.
    """
    spent = [*_spent(later, earlier)]
    own: dict[str, list[StatementCost]] = {}
    rest: list[StatementCost] = []
    for entry, cost in spent:
        name = statement_places.name_of(entry.label or "")
        if entry.label is None or name not in places:
            rest.append(cost)
        else:
            own.setdefault(entry.label if variants else name, []).append(cost)
    loads = [
        StatementLoad(label, places[statement_places.name_of(label)], _sum(costs))
        for label, costs in own.items()
    ]
    loads.sort(key=lambda load: (-load.cost.by(by), load.label))
    hidden = _sum(cost for entry, cost in spent if entry.is_hidden)
    total = _sum(cost for _, cost in spent)
    begun = later.history.reset_at if earlier is None else earlier.history.taken_at
    return CostReport(
        (later.history.taken_at - max(begun, later.history.reset_at)).total_seconds(),
        tuple(loads),
        _sum(rest),
        hidden,
        total,
        (*_remarks(later, earlier), *_sight(later, hidden, total)),
    )


def _spent(
    later: CounterSnapshot, earlier: CounterSnapshot | None
) -> Iterator[tuple[StatementEntry, StatementCost]]:
    """Yield what each entry has counted meanwhile, never less than nothing."""
    is_reset = earlier is None or earlier.history.reset_at != later.history.reset_at
    before = {} if earlier is None or is_reset else _by_key(earlier)
    for key, (entry, cost) in _by_key(later).items():
        _, old = before.get(key, (entry, StatementCost()))
        if all(map(le, astuple(old), astuple(cost))):
            meanwhile = _sum([cost], less=old)
        elif entry.is_hidden:  # several, of which one was dropped
            continue
        else:  # it was dropped, and counted anew
            meanwhile = cost
        if meanwhile.calls:
            yield entry, meanwhile


def _by_key(snapshot: CounterSnapshot) -> dict[str, tuple[StatementEntry, StatementCost]]:
    found: dict[str, tuple[StatementEntry, StatementCost]] = {}
    for entry in snapshot.entries:
        cost = StatementCost(
            entry.calls,
            entry.total_ms,
            entry.rows,
            entry.hits,
            entry.reads,
            entry.temporary_blocks,
            entry.wal_bytes,
        )
        earlier = found.get(entry.key)
        found[entry.key] = (entry, cost if earlier is None else _sum([earlier[1], cost]))
    return found


def _sum(costs: Iterable[StatementCost], less: StatementCost | None = None) -> StatementCost:
    every = [*costs]
    gone = StatementCost() if less is None else less
    return StatementCost(
        sum(each.calls for each in every) - gone.calls,
        sum(each.total_ms for each in every) - gone.total_ms,
        sum(each.rows for each in every) - gone.rows,
        sum(each.hits for each in every) - gone.hits,
        sum(each.reads for each in every) - gone.reads,
        sum(each.temporary_blocks for each in every) - gone.temporary_blocks,
        sum(each.wal_bytes for each in every) - gone.wal_bytes,
    )


def _sight(later: CounterSnapshot, hidden: StatementCost, total: StatementCost) -> Iterator[str]:
    if hidden.calls:
        role = later.history.role_name
        share = hidden.total_ms / total.total_ms if total.total_ms else 0.0
        yield (
            f"{share:.0%} of the time is that of statements of other roles, which {role} may not "
            f"see: grant pg_read_all_stats to {role};"
        )


def _remarks(later: CounterSnapshot, earlier: CounterSnapshot | None) -> Iterator[str]:
    now = later.history
    before = None if earlier is None else earlier.history
    if before is not None and before.reset_at != now.reset_at:
        yield f"counters were reset at {now.reset_at:%Y-%m-%d %H:%M:%S %Z}; this is since then"
    dropped = now.evictions
    if before is not None and before.reset_at == now.reset_at:
        dropped -= before.evictions
    if dropped:
        yield (
            f"rare statements were dropped {dropped:,} times, with what they had counted: raise "
            f"pg_stat_statements.max ({now.capacity:,}) and restart the server"
        )
