"""Prepared statements: one for each query, and replaced when the tables change."""

import pytest

from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, eventually

WIDER = "alter table probe alter column amount type bigint"


def hold_all_and_prepare(db: Db, size: int) -> None:
    """Open *size* transactions at once, so that each connection prepares the statements."""
    open_ones = [db.transaction() for _ in range(size)]
    entered = [transaction.__enter__() for transaction in open_ones]
    for tx in entered:
        probes.get(tx, 1)
        probes.amount(tx, 1)
    for transaction in open_ones:
        transaction.__exit__(None, None, None)


@pytest.fixture(params=[1, 8])
def size(request: pytest.FixtureRequest) -> int:
    """Give the number of connections with a stale plan; by default DB_POOL_SIZE is 5."""
    size: int = request.param
    return size


@pytest.mark.holds("F37")
def test_reads_go_on_when_a_column_changes_its_type(
    connect: Connect, observer: Observer, size: int
) -> None:
    db = connect(pool_size=size, max_overflow=0)
    probes.put(db, 1, "one")
    eventually(lambda: db.stats().idle == size)
    hold_all_and_prepare(db, size)
    observer.rows(WIDER)

    for _ in range(3 * size):
        assert probes.get(db, 1) == probes.Probe(1, "one", 0)


@pytest.mark.holds("F37")
def test_writes_go_on_when_the_type_of_their_result_changes(
    connect: Connect, observer: Observer, size: int
) -> None:
    db = connect(pool_size=size, max_overflow=0)
    probes.put(db, 1, "one")
    eventually(lambda: db.stats().idle == size)
    hold_all_and_bump(db, size, observer)
    before = observer.ask("select amount from probe")
    observer.rows(WIDER)

    assert probes.bump(db, 1) == before + 1
    assert probes.bump(db, 1) == before + 2


def hold_all_and_bump(db: Db, size: int, observer: Observer) -> None:
    """Have each connection prepare the update, each on its own row, so that none waits."""
    for n in range(size):
        observer.rows("insert into probe values (%s, 'own')", 100 + n)
    open_ones = [db.transaction() for _ in range(size)]
    entered = [transaction.__enter__() for transaction in open_ones]
    for n, tx in enumerate(entered):
        probes.bump(tx, 100 + n)
    for transaction in open_ones:
        transaction.__exit__(None, None, None)
    observer.rows("delete from probe where probe_id >= 100")


def test_transact_goes_on_when_a_column_changes_its_type(
    connect: Connect, observer: Observer, size: int
) -> None:
    db = connect(pool_size=size, max_overflow=0)
    probes.put(db, 1, "one")
    eventually(lambda: db.stats().idle == size)
    hold_all_and_prepare(db, size)
    observer.rows(WIDER)

    for _ in range(3 * size):
        assert db.transact(lambda tx: probes.get(tx, 1)) == probes.Probe(1, "one", 0)


def test_a_dropped_prepared_statement_is_prepared_again(connect: Connect, url: str) -> None:
    db = connect(url, pool_size=1, max_overflow=0)
    probes.one(db)
    with db.transaction() as tx:
        execute(tx, b"deallocate all")

    assert probes.one(db) == 1


def execute(tx: Db, statement: bytes) -> None:
    """Run a statement on the connection of *tx*, without the engine, as the reset of a pooler."""
    inner = getattr(tx, "_inner", None) or getattr(tx, "inner", None)
    connection = inner._session.connection  # type: ignore[union-attr]  # entered
    # Without psycopg, which would notice.
    connection.pgconn.exec_(statement)


@pytest.mark.parametrize(
    "values", [[1, 40_000, 3_000_000_000, 2**62, None, -1, 0]], ids=["every size of int"]
)
def test_a_query_is_prepared_once_whatever_its_values(
    connect: Connect, values: list[int | None]
) -> None:
    db = connect(pool_size=1, max_overflow=0)
    for value in values * 2:
        assert probes.echo(db, value) == value

    assert [text for text in probes.prepared(db) if "probe.echo" in text] == [
        probes.echo.wire_sql.decode()
    ]


def test_more_than_a_hundred_queries_stay_prepared(connect: Connect) -> None:
    db = connect(pool_size=1, max_overflow=0)
    queries = probes.many(150)
    for _ in range(2):
        assert [query(db) for query in queries] == list(range(150))

    kept = [text for text in probes.prepared(db) if "many.number_" in text]
    assert len(kept) == len(set(kept)) == 150


@pytest.mark.holds("F43")
def test_through_a_pooler_nothing_is_prepared_and_no_limits_are_sent(
    connect: Connect,
) -> None:
    db = connect(pool_size=1, max_overflow=0, pooler="pgbouncer", lock_timeout_seconds=7.0)
    for number in range(10):
        probes.echo(db, number)
        with db.transaction() as tx:
            probes.echo(tx, number)

    assert probes.prepared(db) == []
    assert probes.setting(db, "lock_timeout") == "0"
