"""Who takes part in a question, and what a round of it measures."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle
from time import perf_counter, process_time
from typing import NamedTuple

from tests.benchmarks.contest.trades import TRADES

BLOCKING, ASYNCIO, UVLOOP = "blocking", "asyncio", "uvloop"

_SEED = 20240229


class Spent(NamedTuple):
    """Seconds of one call, by the clock and of CPU."""

    clock: float
    cpu: float


def _nothing() -> None:
    """Do nothing before a round."""


@dataclass
class Entrant:
    """One way to answer a question.

    Args:
        how: How it waits: BLOCKING, ASYNCIO or UVLOOP.
        run: Makes a number of calls. A program of its own says itself what one took.
        before: What precedes a round and is not measured.
        rounds: What one call took in each round.
    """

    name: str
    how: str
    run: Callable[[int], Spent | None]
    before: Callable[[], object] = _nothing
    rounds: list[Spent] = field(default_factory=list[Spent])


Entrants = dict[str, list[Entrant]]
"""Those of each question, by its key."""


def keys() -> Iterator[int]:
    """Yield keys of trades endlessly, far apart, always in the same order."""
    return cycle([number * 7919 % TRADES + 1 for number in range(TRADES)])


def repeated(work: Callable[[int], object]) -> Callable[[int], None]:
    """Return a function that calls *work* with a number of keys; the last answer must be true."""
    numbers = keys()

    def run(calls: int) -> None:
        found: object = None
        for _ in range(calls):
            found = work(next(numbers))
        if not found:
            raise AssertionError(f"the answer was {found!r}")

    return run


def awaited(
    loop: asyncio.AbstractEventLoop, work: Callable[[int], Awaitable[object]]
) -> Callable[[int], None]:
    """Return the same for an awaitable, which is awaited on *loop*, one call after another."""
    numbers = keys()

    async def several(calls: int) -> object:
        found: object = None
        for _ in range(calls):
            found = await work(next(numbers))
        return found

    def run(calls: int) -> None:
        found = loop.run_until_complete(several(calls))
        if not found:
            raise AssertionError(f"the answer was {found!r}")

    return run


def measure(entrants: Sequence[Entrant], rounds: int, calls: int) -> None:
    """Run each entrant once in each round, in an order that changes, after two that do not count.

    psycopg prepares a statement when it has run some times, so the first two make ten calls at
    least.
    """
    order = list(entrants)
    shuffle = random.Random(_SEED).shuffle
    for entrant in order:
        for _ in range(2):
            entrant.before()
            entrant.run(calls if calls == 1 else max(calls, 10))
    for _ in range(rounds):
        shuffle(order)
        for entrant in order:
            entrant.rounds.append(_once(entrant, calls))


def _once(entrant: Entrant, calls: int) -> Spent:
    entrant.before()
    busy, began = process_time(), perf_counter()
    own = entrant.run(calls)
    clock, cpu = perf_counter() - began, process_time() - busy
    return own or Spent(clock / calls, cpu / calls)
