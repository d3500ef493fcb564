"""Through a pooler that gives prepared statements names of its own, in every session.

That is simulated, and PgBouncer itself where it does so.
"""

from collections.abc import Generator
from typing import Any

import psycopg
import pytest
from psycopg.errors import QueryCanceled

from oadb.engine import dsn
from oadb.engine.config import Config
from oadb.errors import UnavailableError
from oadb.tools import limit_findings
from tests.support import pool_probes as probes
from tests.support.batched_probes import change, look, look_twice
from tests.support.pgbouncer import RENAMES, bouncing, needs_pgbouncer, needs_renaming_pgbouncer
from tests.support.renaming_pooler import renaming
from tests.support.rig import Connect, Db, Observer, threads

LIMITS = ["statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"]
POOLER = "pgbouncer-prepared"
# A setting that PgBouncer before 1.21 does not know; it passes names on without it.
PASSES_ON: dict[str, object] = {"max_prepared_statements": 0} if RENAMES else {}


@pytest.fixture(params=["simulated", pytest.param("real", marks=needs_renaming_pgbouncer)])
def pooled_url(request: pytest.FixtureRequest, url: str) -> Generator[str]:
    if request.param == "real":
        with bouncing(url, max_prepared_statements=200) as bouncer:
            yield bouncer.url
    else:
        with renaming(url) as pooler:
            yield pooler.url


@pytest.fixture
def db(connect: Connect, pooled_url: str) -> Db:
    return connect(pooled_url, pooler=POOLER, pool_size=4, max_overflow=0)


def test_statements_stay_prepared_in_the_sessions_that_clients_share(
    db: Db, observer: Observer
) -> None:
    with threads(4) as pool:
        assert list(pool.map(lambda n: probes.put(db, n, "row"), range(60))) == [1] * 60
        rows = list(pool.map(lambda n: probes.get(db, n), range(60)))

    assert rows == [probes.Probe(n, "row", 0) for n in range(60)]
    observer.keeps(2)
    assert len([text for text in probes.prepared(db) if "from public.probe" in text]) == 1


def test_reads_writes_and_transactions_go_on_when_types_change_twice(
    db: Db, observer: Observer
) -> None:
    def use_all() -> None:
        with threads(4) as pool:
            assert None not in pool.map(lambda n: probes.get(db, n), range(20))
            list(pool.map(lambda n: probes.bump(db, n), range(20)))
            list(pool.map(lambda n: db.transact(lambda tx: probes.amount(tx, n)), range(20)))
            with db.batch() as batch:
                probes.bump(batch, 20)
                probes.get(batch, 20)

    probes.put.many(db, [(n, "row") for n in range(21)])
    use_all()
    for kind in ("bigint", "smallint"):
        observer.rows(f"alter table probe alter column amount type {kind}")
        use_all()

    assert [probes.amount(db, n) for n in range(21)] == [3] * 21


def test_without_limits_of_the_role_each_transaction_begins_with_them(db: Db) -> None:
    wanted = ["15s", "2s", "10s"]
    for _ in range(3):
        assert [probes.setting(db, name) for name in LIMITS] == wanted
        with db.transaction() as tx:
            assert [probes.setting(tx, name) for name in LIMITS] == wanted
            with tx.transaction() as nested:
                assert [probes.setting(nested, name) for name in LIMITS] == wanted
    with db.batch() as batch:
        found = [probes.setting(batch, name) for name in LIMITS]
    assert [each.result for each in found] == wanted
    assert probes.guarded_setting(db, "statement_timeout") == "7s"


def test_operations_of_a_batch_stay_prepared_and_keep_the_limits(db: Db) -> None:
    probes.put.many(db, [(n, "row") for n in range(6)])
    with threads(4) as pool:

        def work(number: int) -> tuple[str, str, str, int]:
            with db.batch() as batch:
                once, twice = look(batch, number), look_twice(batch, number, 99)
            with db.batch() as batch:
                probes.bump(batch, number)
                limit = probes.setting(batch, "lock_timeout")
                before = change(batch, number, 7)
            return once.result, twice.result, limit.result, before.result

        assert list(pool.map(work, range(6))) == [("row", "row nothing", "2s", 1)] * 6
    assert len([text for text in probes.prepared(db) if "from public.probe" in text]) < 5


def test_they_end_with_the_transaction_and_bind_copies_and_streams(
    connect: Connect, pooled_url: str, url: str
) -> None:
    db = connect(pooled_url, pooler=POOLER, pool_size=1, max_overflow=0, lock_timeout_seconds=0.1)
    assert probes.load(db, [(1, "loaded")]) == 1
    with db.transaction() as tx:
        assert [*probes.numbers(tx, 3)] == [1, 2, 3]
        assert probes.setting(tx, "lock_timeout") == "100ms"
    with psycopg.connect(url) as holder:
        holder.execute("lock table probe")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            probes.load(db, [(2, "loaded")])
    with psycopg.connect(pooled_url, autocommit=True) as other:
        for _ in range(4):
            assert one(other, "select current_setting('lock_timeout')") == "0"


def one(connection: psycopg.Connection[Any], question: str) -> object:
    # Without a name: this client shares sessions with others.
    found = connection.execute(question.encode(), prepare=False).fetchone()
    return None if found is None else found[0]


def test_limits_of_the_role_are_not_sent(connect: Connect, url: str) -> None:
    name = dsn.parse(url).keywords["dbname"]
    with psycopg.connect(url, autocommit=True) as admin:
        for setting, value in zip(LIMITS, ("300ms", "2s", "10s"), strict=True):
            admin.execute(f"alter database {name} set {setting} = '{value}'".encode())
        try:
            with renaming(url) as pooler:
                db = connect(pooler.url, pooler=POOLER, pool_size=1, statement_timeout_seconds=0.3)
                with db.transaction() as tx:
                    assert "set_config" not in str(prelude(tx))
                    assert probes.setting(tx, "statement_timeout") == "300ms"
                with pytest.raises(QueryCanceled):
                    probes.pause(db, 5.0)
        finally:
            admin.execute(f"alter database {name} reset all".encode())


def test_the_doctor_says_who_holds_the_limits(url: str) -> None:
    with renaming(url) as pooler:
        config = Config.from_env({"DATABASE_URL": pooler.url, "DB_POOLER": POOLER})
        found = [str(each) for each in limit_findings.check(config)]
    role = dsn.parse(url).keywords["user"]

    assert found[1] == (
        "ok   lock_timeout: 2 s, sent at the beginning of each transaction; spared by alter role "
        f"{role} set lock_timeout = 2000"
    )


def prelude(tx: Db) -> object:
    inner: Any = getattr(tx, "_inner", None) or getattr(tx, "inner", None)
    return inner._session.prelude


@needs_pgbouncer
def test_a_pooler_that_passes_names_on_is_refused_and_nothing_stays_prepared(
    connect: Connect, url: str
) -> None:
    with bouncing(url, **PASSES_ON) as bouncer:
        db = connect(bouncer.url, pooler=POOLER, pool_timeout_seconds=0.3)
        with pytest.raises(UnavailableError, match=r"PgBouncer before 1\.21, or with max"):
            db.open()
        with psycopg.connect(bouncer.url, autocommit=True) as other:
            assert one(other, "select count(*) from pg_prepared_statements") == 0


def test_the_server_itself_is_refused(connect: Connect, url: str) -> None:
    db = connect(url, pooler=POOLER, pool_timeout_seconds=0.3)
    with pytest.raises(UnavailableError, match="for the server itself set DB_POOLER=none"):
        db.open()


@needs_renaming_pgbouncer
def test_more_statements_than_the_pooler_keeps_are_prepared_again(
    connect: Connect, url: str
) -> None:
    with bouncing(url, max_prepared_statements=3) as bouncer:
        db = connect(bouncer.url, pooler=POOLER, pool_size=2, max_overflow=0)
        queries = probes.many(20)
        for _ in range(3):
            assert [query(db) for query in queries] == list(range(20))


@needs_renaming_pgbouncer
def test_sessions_that_are_replaced_behind_the_pooler_are_not_noticed(
    connect: Connect, url: str
) -> None:
    with bouncing(url, max_prepared_statements=200) as bouncer:
        db = connect(bouncer.url, pooler=POOLER, pool_size=2, max_overflow=0)
        probes.put(db, 1, "row")
        for _ in range(5):
            bouncer.command("reconnect")
            assert probes.get(db, 1) == probes.Probe(1, "row", 0)
            with db.transaction() as tx:
                assert probes.get(tx, 1) == probes.Probe(1, "row", 0)
