"""Databases that plan as if they had rows: what EXPLAIN says there, and that rows would say it."""

import json
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from oadb.embedded.embedded_server import EmbeddedServer
from oadb.engine.binding.packages import Package
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import Dsn
from oadb.errors import ConfigError
from oadb.tools.migrations import runner
from oadb.tools.plans import (
    planned_catalog,
    simulated_clock,
    sized_database,
    sparse_files,
    statistics_export,
    statistics_files,
)
from oadb.tools.plans.planned_catalog import PlannedCatalog
from oadb.tools.plans.sized_database import Sizing, Unsimulated
from tests.support.declared import OADB, declaration
from tests.support.plan_agreement import connect, labels_of, planned
from tests.support.shape_rows import ShapeRows

ROWS = 50_000
SWEEPS = [
    "delete from oadb.sessions where lapses_at < now()",
    "delete from oadb.one_time_tokens where expires_at < now()",
    "select * from oadb.networks_in_use",
    "select * from oadb.active_ip_bans",
]
FILLED = ["oadb.users", "oadb.sessions", "oadb.api_keys", "oadb.traffic"]


@pytest.fixture(scope="module")
def sizes() -> Generator[Sizing]:
    """Give a server for databases of several scales."""
    with sized_database.sizing([OADB]) as found:
        yield found


def catalog_of(dsn: Dsn) -> PlannedCatalog:
    with Database(Config(dsn, pool_size=1, max_overflow=0)) as db:
        return planned_catalog.read(db, ["oadb"])


@pytest.fixture(scope="module")
def filled(sizes: Sizing) -> Dsn:
    """Give a database in which some tables have real rows, of the shape in the files."""
    dsn = sizes.copy("filled")
    rows = ShapeRows(catalog_of(dsn), statistics_files.load([OADB]), ROWS)
    with closing(connect(dsn)) as connection:
        rows.fill(connection, FILLED)
    return dsn


def explained(dsn: Dsn, statement: str) -> str:
    with connect(dsn) as connection:
        rows = connection.execute(f"explain {statement}".encode()).fetchall()
    return "\n".join(line for (line,) in rows)


def size_of(dsn: Dsn, name: str) -> tuple[object, ...]:
    query = f"""select pg_relation_size(oid), relpages, reltuples from pg_class
        where oid = 'pg_catalog.{name}'::regclass"""
    with connect(dsn) as connection:
        (found,) = connection.execute(query.encode()).fetchall()
    return found


def differing(first: Dsn, second: Dsn, labels: list[str]) -> list[str]:
    """Return the statements that two databases plan with other indexes, joins or rows."""
    with connect(first) as left, connect(second) as right:
        pairs = {
            each: (planned(left, declaration(each)), planned(right, declaration(each)))
            for each in labels
        }
    return [
        label
        for label, (one, other) in pairs.items()
        if one is None
        or other is None
        or one.nodes != other.nodes
        or not 0.5 <= (one.rows + 1) / (other.rows + 1) <= 2
    ]


@pytest.mark.long("migrates a server of its own, and fills tables")
def test_tables_without_rows_are_planned_as_if_they_had_as_many_as_the_scale(sizes: Sizing) -> None:
    few, many = sizes.database(10**3), sizes.database(10**9)
    newest = "select * from oadb.api_logs where user_id = 7 order by logged_at desc limit 10"

    assert "Seq Scan on users" in explained(few, "select * from oadb.users where user_id = 7")
    assert "users_pkey" in explained(many, "select * from oadb.users where user_id = 7")
    assert "Index Scan Backward using api_logs_2" in explained(many, newest)
    assert "rows=1000000 " in explained(many, "select * from oadb.sessions")
    assert sizes.database(10**9) is many
    assert sizes.left_out() == Unsimulated([], [])


@pytest.mark.long("migrates a server of its own, and fills tables")
def test_estimates_do_not_move_with_the_clock(sizes: Sizing) -> None:
    now, later = sizes.database(10**6), sizes.copy("later")
    moment = sizes.moment + timedelta(hours=1, seconds=7)
    sized_database.simulate(
        later, sizes.data, ["oadb"], statistics_files.load([OADB]), 10**6, moment
    )

    assert simulated_clock.read(later) == moment
    for each in SWEEPS:
        assert explained(now, each) == explained(later, each)
    assert "CURRENT_TIMESTAMP" in explained(later, f"{SWEEPS[0]} or lapses_at < current_timestamp")


@pytest.mark.long("migrates a server of its own, and fills tables")
def test_the_catalog_has_the_size_of_its_rows_whatever_was_in_it_before(sizes: Sizing) -> None:
    before, busy = sizes.database(10**6), sizes.copy("busy")
    with connect(busy) as connection:
        connection.execute(b"create table oadb.passing (); drop table oadb.passing")
        connection.execute(b"update pg_class set relpages = relpages")
    shapes = statistics_files.load([OADB])
    sized_database.simulate(busy, sizes.data, ["oadb"], shapes, 10**6, sizes.moment)

    for each in ("pg_class", "pg_class_oid_index", "pg_attribute", "pg_statistic"):
        assert size_of(busy, each) == size_of(before, each)


@pytest.mark.long("migrates a server of its own, and fills tables")
def test_every_kind_of_index_is_planned_with_the_size_it_would_have(sizes: Sizing) -> None:
    dsn = sizes.database(10**9)
    found = explained(dsn, """select * from oadb.api_logs where request @> '{"a": 1}'""")
    with connect(dsn) as connection:
        height = "select relname, relpages from pg_class where relname = 'sessions_pkey'"
        (row,) = connection.execute(height.encode()).fetchall()

    assert "Bitmap Index Scan on api_logs_" in found
    assert "ip_bans_pkey" in explained(dsn, "select * from oadb.ip_bans where network = '::1'")
    assert row[1] > 4000


@pytest.mark.long("migrates a server of its own, and fills tables")
def test_a_size_takes_no_room_on_the_disk(sizes: Sizing) -> None:
    dsn = sizes.database(10**9)
    with connect(dsn) as connection:
        found = connection.execute(
            "select sum(pg_relation_size(oid)), min(pg_relation_filepath(oid)) from pg_class "
            "where relkind in ('r', 'i')"
        ).fetchone()
    assert found is not None
    folder = sizes.data / Path(found[1]).parent
    taken = sum(file.stat().st_blocks * 512 for file in folder.iterdir())

    assert found[0] > 5e11
    assert taken < 200e6


@pytest.mark.long("migrates a server of its own, and fills tables")
def test_real_rows_of_the_same_shape_have_the_same_plans(sizes: Sizing, filled: Dsn) -> None:
    labels = [
        each for name in ("users", "sessions", "api_keys", "traffic") for each in labels_of(name)
    ]

    found = differing(sizes.database(ROWS), filled, labels)

    assert len(found) <= 0.02 * len(labels), found


@pytest.mark.long("migrates a server of its own, and fills tables")
def test_exported_statistics_have_the_same_plans_again(
    sizes: Sizing, filled: Dsn, tmp_path: Path
) -> None:
    with Database(Config(filled, pool_size=1, max_overflow=0)) as db:
        found = statistics_export.export(db, ["oadb"], ["oadb.traffic.status"])
    (tmp_path / "statistics").mkdir()
    tables = {name: found.tables[name] for name in FILLED}
    (tmp_path / "statistics" / "live.json").write_text(json.dumps(tables))
    shapes = statistics_files.load([Package("live", tmp_path, "sql")])
    again = sizes.copy("again")
    sized_database.simulate(again, sizes.data, ["oadb"], shapes, ROWS, sizes.moment)
    labels = [each for name in ("users", "sessions", "api_keys") for each in labels_of(name)]

    assert len(differing(again, filled, labels)) <= 0.1 * len(labels)


def test_a_file_with_holes_has_the_size_and_the_owner_of_the_first(tmp_path: Path) -> None:
    first = tmp_path / "16384"
    first.write_bytes(b"x" * 8192)
    sparse_files.extend(first, 200_000)
    second = tmp_path / "16384.1"

    assert first.stat().st_size == 1 << 30
    assert second.stat().st_size == 200_000 * 8192 - (1 << 30)
    with first.open("rb") as opened:
        assert opened.read(2) == b"xx"
    assert second.stat().st_mode & 0o777 == 0o600
    assert (first.stat().st_blocks + second.stat().st_blocks) * 512 < 1e6
    sparse_files.extend(first, 1)
    assert first.stat().st_size == 1 << 30


def test_what_prevents_the_server_is_raised_where_a_database_is_asked_for() -> None:
    server = Future[EmbeddedServer]()
    server.set_exception(ConfigError("embedded PostgreSQL is not installed"))
    sizes = Sizing(server, ["oadb"], {}, datetime.now(UTC))

    for ask in (lambda: sizes.database(10), lambda: sizes.copy("again"), sizes.left_out):
        with pytest.raises(ConfigError, match="not installed"):
            ask()


@pytest.mark.long("starts a server of its own")
def test_who_leaves_early_waits_for_one_migration_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(_: object, *, packages: object, tell: Callable[[str], None]) -> None:
        while True:
            tell(f"applying one of {packages}")

    monkeypatch.setattr(runner, "migrate", endless)

    with pytest.raises(KeyboardInterrupt), sized_database.sizing([OADB]):
        raise KeyboardInterrupt


def test_an_older_server_is_refused_with_what_works_there() -> None:
    with pytest.raises(ConfigError, match=r"need PostgreSQL 18, .* is 17: .*live"):
        sized_database.require_version(170_004)
