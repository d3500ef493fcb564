"""A process forks while its pool is open: parent and child have their own connections."""

import os

import pytest

from oadb.engine.database import Database
from oadb.errors import TransactionError
from tests.support import pool_probes as probes
from tests.support.forks import in_child
from tests.support.rig import Observer, config, eventually

# The tests fork while psycopg's workers run, of which Python 3.12 warns.
pytestmark = [
    pytest.mark.fault,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@pytest.fixture
def db(url: str) -> object:
    with Database(config(url, pool_size=2, max_overflow=0)) as db:
        eventually(lambda: db.stats().idle == 2)
        yield db


@pytest.mark.holds("F44")
def test_a_child_builds_its_own_pool_and_the_parent_keeps_its_own(
    db: Database, observer: Observer
) -> None:
    parents = set(observer.keeps(2))

    def ask() -> list[int]:
        return [probes.backend(db) for _ in range(4)]

    children = {int(pid) for pid in in_child(ask).strip("[]").split(",")}

    assert not children & parents
    assert {probes.backend(db) for _ in range(4)} <= parents
    eventually(lambda: set(observer.backends()) == parents)


def test_a_child_that_ends_in_order_leaves_the_parent_its_connections(
    db: Database, observer: Observer
) -> None:
    parents = set(observer.keeps(2))

    def close_all() -> str:
        probes.one(db)
        db.close()
        return "closed"

    assert in_child(close_all) == "'closed'"
    assert {probes.backend(db) for _ in range(4)} <= parents
    eventually(lambda: set(observer.backends()) == parents)


@pytest.mark.holds("F44")
def test_a_child_that_becomes_another_program_harms_no_connection(
    db: Database, observer: Observer
) -> None:
    parents = set(observer.keeps(2))
    child = os.fork()
    if child == 0:
        os.execv("/bin/true", ["true"])
    assert os.waitpid(child, 0)[1] == 0

    assert {probes.backend(db) for _ in range(4)} <= parents
    eventually(lambda: set(observer.backends()) == parents)


@pytest.mark.holds("F44")
def test_a_child_cannot_use_the_transaction_of_its_parent(db: Database) -> None:
    with db.transaction() as tx:
        probes.put(tx, 1, "the parent's")
        answer = in_child(lambda: probes.put(tx, 2, "the child's"))
        stream = in_child(lambda: list(probes.numbers(tx, 3)))

        assert TransactionError.__name__ in answer
        assert TransactionError.__name__ in stream
        probes.put(tx, 3, "the parent's again")

    assert probes.ids(db) == [1, 3]


def test_a_child_that_leaves_the_block_of_its_parent_does_not_end_it(db: Database) -> None:
    parent = os.getpid()
    transaction = db.transaction()
    tx = transaction.__enter__()
    probes.put(tx, 1, "one")

    assert TransactionError.__name__ in in_child(lambda: transaction.__exit__(None, None, None))
    assert os.getpid() == parent
    probes.put(tx, 2, "two")
    transaction.__exit__(None, None, None)
    assert probes.ids(db) == [1, 2]


def test_a_child_that_drops_the_stream_of_its_parent_does_not_disturb_it(db: Database) -> None:
    rows = probes.numbers(db, 10_000)
    first = next(rows)

    in_child(rows.close)

    assert [first, *rows] == list(range(1, 10_001))


def test_a_child_cannot_go_on_with_the_stream_of_its_parent(db: Database) -> None:
    rows = probes.numbers(db, 10_000)
    first = next(rows)

    answer = in_child(lambda: sum(rows))

    assert "TransactionError" in answer or "UnavailableError" in answer
    assert [first, *rows] == list(range(1, 10_001))
