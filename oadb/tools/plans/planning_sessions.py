"""Sessions in the databases of several scales, in which many statements are planned by two threads.

PostgreSQL reads from the catalog what it needs of each table and each of its partitions, once in a
session, which costs more than a plan. So sessions are kept, plan as one role after another, and all
statements of a query file are planned in those of one thread.
"""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TypeVar

from oadb.engine.binding.declarations import Declaration
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.tools.plans import planned_relations
from oadb.tools.plans.growth import Scales
from oadb.tools.plans.planned_relations import TableCounts
from oadb.tools.plans.planning import Planner

_THREADS = 2

Result = TypeVar("Result")

_Waiting = dict[str, list[int]]
"""Of each query file, the numbers of its statements."""


class ScaleSessions:
    """The sessions of one thread: one in the database of each scale, opened when it is needed."""

    def __init__(self, targets: Sequence[Future[Dsn]], stack: ExitStack) -> None:
        self._targets, self._stack = targets, stack
        self._planners: dict[int, Planner] = {}

    def planner(self, number: int, role: str | None, user_id: int | None = None) -> Planner:
        """Return what plans as a role, and under the identity of a user.

        Args:
            number: of the scale, 0 is the first.

        Raises:
            UnavailableError, psycopg.OperationalError: no connection to the server.
        """
        if number not in self._planners:
            target = self._targets[number].result()
            self._planners[number] = self._stack.enter_context(Planner.to(target))
        planner = self._planners[number]
        planner.become(role, user_id)
        return planner


class PlanningSessions:
    """The sessions of all threads."""

    def __init__(
        self, targets: Sequence[Future[Dsn]], pool: ThreadPoolExecutor, stack: ExitStack
    ) -> None:
        self._targets, self._pool = targets, pool
        self._threads = [ScaleSessions(targets, stack) for _ in range(_THREADS)]
        self._owners: dict[str, ScaleSessions] = {}
        self._choosing = Lock()

    def target(self, number: int) -> Dsn:
        """Return the database of a scale, 0 for the first."""
        return self._targets[number].result()

    def scales(self) -> Scales:
        """Return how many rows the tables have at the first two scales.

        Raises:
            UnavailableError: no connection to the server.
        """
        return Scales(_counts(self.target(0)), _counts(self.target(1)))

    def each(
        self, statements: Sequence[Declaration], do: Callable[[ScaleSessions, int], Result]
    ) -> list[Result]:
        """Do something for each statement, by its number; return the results in their order.

        The thread that had the first statements of a query file gets all others of it, later ones
        as well.
        """
        files: _Waiting = {}
        for number, each in enumerate(statements):
            files.setdefault(each.statement.path, []).append(number)
        waiting = dict(sorted(files.items(), key=lambda file: -len(file[1])))
        found: dict[int, Result] = {}

        def work(sessions: ScaleSessions) -> None:
            while numbers := self._next(waiting, sessions):
                found.update((number, do(sessions, number)) for number in numbers)

        for _ in self._pool.map(work, self._threads):  # raises what was raised there
            pass
        return [found[number] for number in range(len(statements))]

    def _next(self, waiting: _Waiting, sessions: ScaleSessions) -> list[int]:
        """Return the next numbers for a thread; none if there are none left for it."""
        with self._choosing:
            own = (path for path in waiting if self._owners.get(path, sessions) is sessions)
            path = next(own, None)
            if path is None:
                return []
            self._owners[path] = sessions
            return waiting.pop(path)


def _counts(target: Dsn) -> TableCounts:
    with Database(Config(target)) as db:
        return planned_relations.counts(db)


@contextmanager
def opened(database: Callable[[int], Dsn], scales: Sequence[int]) -> Generator[PlanningSessions]:
    """Give sessions in the databases of some scales, which are made meanwhile.

    Args:
        database: gives the database of a scale.
    """
    with ExitStack() as stack, ThreadPoolExecutor(_THREADS + len(scales)) as pool:
        targets = [pool.submit(database, scale) for scale in scales]
        yield PlanningSessions(targets, pool, stack)
