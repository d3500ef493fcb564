"""Paired measurement: in every round each variant runs once, in an order that changes.

Only figures of the same round are compared, so that other load on the machine affects all alike.
"""

import math
import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter, process_time

ROUNDS = int(os.environ.get("OADB_BENCH_ROUNDS", "100"))
CALLS = 200
_WARM_UP = 200
_SEED = 20240229


@dataclass
class Variant:
    """One way to do the work; *run* takes the number of calls.

    If *run* returns seconds, it measured the time by itself, and they count instead of the clock.
    """

    name: str
    run: Callable[[int], float | None]
    seconds: list[float] = field(default_factory=list[float])
    busy: list[float] = field(default_factory=list[float])

    @property
    def microseconds(self) -> float:
        """The median time of one call."""
        return median(self.seconds) * 1e6

    @property
    def cpu_microseconds(self) -> float:
        """The median CPU time of this process for one call."""
        return median(self.busy) * 1e6


@dataclass(frozen=True)
class Ratio:
    """The median of figures, such as the ratios of all rounds, and its 95 % confidence interval."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.middle:.2f} [{self.low:.2f}, {self.high:.2f}]"


def measure(variants: Sequence[Variant], rounds: int = ROUNDS, calls: int = CALLS) -> None:
    """Measure the variants: adds the seconds of each, one figure for each round."""
    order = list(variants)
    shuffle = random.Random(_SEED).shuffle
    for variant in order:
        variant.run(min(_WARM_UP, 4 * calls))
    for _ in range(rounds):
        shuffle(order)
        for variant in order:
            _once(variant, calls)


def ratio(above: Sequence[float], below: Sequence[float]) -> Ratio:
    """Compare two variants round by round."""
    return middle([a / b for a, b in zip(above, below, strict=True)])


def middle(figures: Sequence[float]) -> Ratio:
    """Return the median with the figures that bound it. The interval assumes no distribution."""
    ordered = sorted(figures)
    reach = 0.98 * math.sqrt(len(ordered))
    low = max(math.floor(len(ordered) / 2 - reach), 0)
    high = min(math.ceil(len(ordered) / 2 + reach), len(ordered) - 1)
    return Ratio(median(ordered), ordered[low], ordered[high])


def seconds(work: Callable[[], object]) -> float:
    """Return the seconds that *work* takes."""
    started = perf_counter()
    work()
    return perf_counter() - started


def _once(variant: Variant, calls: int) -> None:
    busy, started = process_time(), perf_counter()
    own = variant.run(calls)
    seconds, busy = perf_counter() - started, process_time() - busy
    variant.seconds.append((seconds if own is None else own) / calls)
    variant.busy.append(busy / calls)
