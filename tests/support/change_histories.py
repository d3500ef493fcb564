"""Random histories of changes and caches, in a time that a test sets: nothing waits.

Writers commit, roll back, leave transactions open and use savepoints; loads and reads of changes
are interrupted by that; reads come at any time or fail, as if hints were lost, delayed or made up
by somebody hostile. A value is the set of the committed versions of its key, so each value says
which commits it has missed.
"""

import random
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import pytest

from oadb import Database
from oadb.changes import following, live_cache, snapshots
from oadb.changes.live_cache import LiveCache
from oadb.changes.snapshots import Everything, Reading
from oadb.engine.executors import AsyncExecutor
from tests.conftest import configured
from tests.support.roles import Connection, connect

TABLES = """
create table versions (user_id bigint not null, version bigint not null);
create index on versions (user_id);
"""
BOUND = 1.0
_STEPS = 40
_DEEPEST = 2

Versions = frozenset[int]


@dataclass(frozen=True, slots=True)
class Known:
    """What a load found: the committed versions of a user."""

    user_id: int
    versions: Versions


@dataclass(slots=True)
class Writer:
    """A connection, and what its open transaction has written."""

    connection: Connection
    written: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])


class History:
    """One history: random steps, each of which may break a promise and then fails."""

    def __init__(self, seed: int, db: Database, writers: list[Connection]) -> None:
        self._chance = random.Random(seed)  # it must repeat
        self._db = db
        self._writers = [Writer(each) for each in writers[:-1]]
        self._loader = writers[-1]
        self._cache = LiveCache[Known](db, "api_keys", bound_seconds=BOUND)
        self._numbers = iter(range(seed * 1000 + 1, (seed + 1) * 1000))
        self._users = range(seed * 3 + 1, seed * 3 + 4)
        # By user and version, when it was committed.
        self._committed: dict[int, dict[int, float]] = {user: {} for user in self._users}
        self._untold: set[int] = set()
        self._depth = 0
        self._is_reading = False
        self.now = 1000.0
        self.served = self.stale = 0
        self.oldest = 0.0

    def run(self) -> None:
        """Make the steps of this history, and end what is open."""
        self._read()
        for _ in range(_STEPS):
            self.step()
        self._depth = _DEEPEST  # no others any more
        for writer in self._writers:
            self._end(writer)
        self._read()
        assert not self._untold

    def step(self) -> None:
        """Do something at random, and let some time pass."""
        self.now += self._chance.choice((0.0, 0.01, 0.1, 0.3, 0.6))
        steps = (self._write, self._end_some, self._get, self._get, self._read_or_fail)
        self._chance.choice(steps)()

    def _meanwhile(self) -> None:
        """Let other threads do something in the middle of a step."""
        if self._depth < _DEEPEST:
            self._depth += 1
            for _ in range(self._chance.choice((0, 0, 1, 3))):
                self.step()
            self._depth -= 1

    def _write(self) -> None:
        writer, user = self._chance.choice(self._writers), self._chance.choice(self._users)
        run, number = writer.connection.execute, next(self._numbers)
        if not writer.written:
            run("begin")
        kind = self._chance.choice(("plain", "savepoint", "undone"))
        if kind != "plain":
            run("savepoint a")
        run("insert into versions values (%s, %s)", (user, number))
        change = "insert into oadb.changes (table_name, user_id, key) values ('api_keys', %s, %s)"
        run(change, (user, str(number)))
        if kind == "undone":
            run("rollback to savepoint a")
            writer.written = writer.written or [(user, -1)]  # it is open, and has nothing yet
        else:
            writer.written.append((user, number))

    def _end_some(self) -> None:
        self._end(self._chance.choice(self._writers))

    def _end(self, writer: Writer) -> None:
        written = [each for each in writer.written if each[1] > 0]
        if not writer.written:
            return
        writer.written = []
        if self._chance.random() < 0.3:
            writer.connection.execute("rollback")
            return
        writer.connection.execute("commit")
        for user, number in written:
            self._committed[user][number] = self.now
            self._untold.add(number)

    def _get(self) -> None:
        user, loads = self._chance.choice(self._users), list[Known]()

        def load() -> Known:
            self._meanwhile()
            rows = self._loader.execute("select version from versions where user_id = %s", (user,))
            known = Known(user, frozenset(version for (version,) in rows))
            loads.append(known)
            self._meanwhile()
            return known

        value = self._cache.get(user, load)
        if not loads:
            self.served += 1
            self._check(value)

    def _check(self, value: Known) -> None:
        """Fail if an entry that was served has missed a commit for longer than the bound."""
        committed = self._committed[value.user_id]
        missed = [self.now - at for number, at in committed.items() if number not in value.versions]
        if missed:
            self.stale += 1
            self.oldest = max(self.oldest, *missed)
        assert self.oldest <= BOUND, f"stale for {self.oldest} s"

    def _read_or_fail(self) -> None:
        if self._chance.random() < 0.7:  # else the hint was lost
            self._read()

    def _read(self) -> None:
        if not self._is_reading:  # one thread reads
            self._is_reading = True
            self._db._operate(self._cache._renew)
            self._is_reading = False

    async def read_since(self, db: AsyncExecutor, last: Reading | None) -> Reading:
        """Read changes; others do something before and after. Each commit before is told."""
        self._meanwhile()
        due = {*self._untold}
        reading = await snapshots.read_since(db, last)
        told = {int(each.key) for each in reading.changes if not isinstance(each, Everything)}
        known = {number for user in self._committed.values() for number in user}
        assert told <= known, "what was not committed was told"
        if reading.changes != [Everything()]:
            assert due <= told, "a commit was not told"
        self._untold -= due
        self._meanwhile()
        return reading


@dataclass(slots=True)
class Outcome:
    """What histories have shown: how many entries were served, how many of them were stale."""

    served: int = 0
    stale: int = 0
    oldest_seconds: float = 0.0


def play(url: str, seeds: range) -> Outcome:
    """Play the histories of *seeds*.

    Raises:
        AssertionError: a commit was not told, or a stale entry served for longer than BOUND.
    """
    outcome = Outcome()
    with histories(url) as (db, connections):
        for seed in seeds:
            history = History(seed, db, connections)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(live_cache, "read_since", history.read_since)
                for module in (live_cache, following):
                    patch.setattr(module, "monotonic", lambda of=history: of.now)
                history.run()
            outcome.served += history.served
            outcome.stale += history.stale
            outcome.oldest_seconds = max(outcome.oldest_seconds, history.oldest)
    return outcome


@contextmanager
def histories(url: str) -> Generator[tuple[Database, list[Connection]]]:
    """Give a database, and connections of three writers and of who loads."""
    with Database(configured(url)) as db, ExitStack() as stack:
        connections = [stack.enter_context(connect(url)) for _ in range(4)]
        connections[0].execute(TABLES.encode())
        yield db, connections
