"""SQLite files are never written to, may be written to by others, and are refused if damaged."""

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from oadb import Database
from oadb.accounts import users
from oadb.errors import LoadError
from oadb.importing import openalgo_tables, runs, sources
from tests.importing.openalgo import ENVIRON, Installation
from tests.importing.running import run_import

pytestmark = [pytest.mark.changes_rows, pytest.mark.long("imports an installation each time")]


def state(folder: Path) -> dict[str, str]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(folder.iterdir())
        if not each.name.endswith("-shm")  # readers of a log mark their position in it
    }


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("applies", [False, True])
def test_nothing_is_written_to_a_file_or_beside_it(
    db: Database, origin: Installation, mode: str, applies: bool
) -> None:
    origin.add_asha()
    origin.add_logs(2)
    for name in ("openalgo", "logs", "latency"):
        origin.script(name, f"pragma journal_mode = {mode}")
    before, listed = state(origin.folder), names(origin.folder)
    assert listed == ["latency.db", "logs.db", "openalgo.db"]
    reports = run_import(db, origin, applies=applies)

    assert reports["order_logs"].written == 2
    assert (state(origin.folder), names(origin.folder)) == (before, listed)


REQUEST = {"client_ip": "::1", "method": "GET", "path": "/", "status_code": 200, "duration_ms": 1}


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_a_writer_is_not_blocked_and_its_rows_are_read(origin: Installation, mode: str) -> None:
    origin.script("logs", f"pragma journal_mode = {mode}")
    origin.add("traffic_logs", *[REQUEST] * 1200, file="logs")
    path = origin.path("logs")
    with closing(sqlite3.connect(path, timeout=0)) as openalgo:
        openalgo.execute("select count(*) from traffic_logs").fetchone()
        listed = names(origin.folder)
        with sources.opened([path], []) as found:
            rows = found.rows("traffic_logs")
            next(rows)
            openalgo.execute("update traffic_logs set path = '/late' where id = 1200")
            openalgo.commit()
            read = [*rows]
            assert names(origin.folder) == listed

    assert (len(read), read[-1]["path"]) == (1199, "/late")
    assert names(origin.folder) == ["latency.db", "logs.db", "openalgo.db"]


def test_a_file_written_to_during_the_import_is_refused(origin: Installation) -> None:
    origin.script("logs", "pragma journal_mode = wal")
    origin.add("traffic_logs", *[REQUEST] * 1200, file="logs")
    path = origin.path("logs")
    with sources.opened([path], []) as found:
        rows = found.rows("traffic_logs")
        next(rows)
        origin.add("traffic_logs", REQUEST, file="logs")  # closing it writes its log into the file
        with pytest.raises(
            LoadError, match=r"logs\.db: it was written to during the import; stop OpenAlgo"
        ):
            list(rows)


KILLED = """
import os, sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
connection.execute("pragma cache_size = 1")
connection.execute("update order_logs set api_type = api_type || 'x'")
if sys.argv[2] == "wal":
    connection.commit()
os._exit(0)
"""


def left_by_a_killed_writer(origin: Installation, mode: str) -> Path:
    origin.add_logs(40)
    path = origin.path("openalgo")
    origin.script("openalgo", f"pragma journal_mode = {mode}")
    subprocess.run([sys.executable, "-c", KILLED, str(path), mode], check=True, timeout=30)
    return path


def test_an_interrupted_write_is_reported_with_what_to_do(origin: Installation) -> None:
    path = left_by_a_killed_writer(origin, "delete")
    before = state(origin.folder)
    assert "openalgo.db-journal" in before

    with (
        pytest.raises(
            LoadError, match=r"openalgo\.db: it was not closed; open it with OpenAlgo or"
        ),
        sources.opened([path], []),
    ):
        pass
    assert state(origin.folder) == before
    origin.script("openalgo", "select count(*) from order_logs")
    with sources.opened([path], []) as found:
        assert {row["api_type"] for row in found.rows("order_logs")} == {"placeorder"}


def test_a_leftover_log_is_read_only_with_its_index(origin: Installation) -> None:
    path = left_by_a_killed_writer(origin, "wal")
    before, listed = state(origin.folder), names(origin.folder)
    assert {"openalgo.db-shm", "openalgo.db-wal"} <= {*listed}

    with sources.opened([path], []) as found:
        assert {row["api_type"] for row in found.rows("order_logs")} == {"placeorderx"}
    assert (state(origin.folder), names(origin.folder)) == (before, listed)
    path.with_name("openalgo.db-shm").unlink()
    with (
        pytest.raises(LoadError, match=r"openalgo\.db-wal is beside it, but not openalgo\.db-shm"),
        sources.opened([path], []),
    ):
        pass
    assert names(origin.folder) == [name for name in listed if not name.endswith("-shm")]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def overwritten(path: Path) -> None:
    text = path.read_bytes()
    path.write_bytes(text[:8192] + b"\xff" * 4096 + text[12288:])


def replaced(path: Path) -> None:
    path.write_bytes(b"this is no database, although it is long enough" * 100)


@pytest.mark.parametrize("damage", [truncated, overwritten, replaced, Path.unlink])
def test_a_damaged_file_is_refused_before_anything_is_written(
    db: Database, origin: Installation, damage: Callable[[Path], None]
) -> None:
    origin.add_asha()
    origin.add_logs(40)
    path = origin.path("openalgo")
    damage(path)
    plan = runs.Plan("openalgo", None, applies=True)

    with (
        pytest.raises(LoadError, match=r"openalgo\.db: ") as refused,
        sources.opened([path], []) as found,
    ):
        [*runs.run(db, found, ENVIRON, plan, lambda _rows: None)]
    assert refused.value.__cause__ is None
    assert users.count(db) == 0


def test_damage_found_while_reading_is_reported_with_table_and_id(
    origin: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    origin.add_logs(40)
    monkeypatch.setitem(
        openalgo_tables.READ,
        "order_logs",
        b"select *, json(case when id = 7 then '{' end) as x from order_logs "
        b"where id > $1 limit $2",
    )
    with (
        sources.opened([origin.folder], []) as found,
        pytest.raises(LoadError, match=r"openalgo\.db: order_logs after id [56]: "),
    ):
        [*found.rows("order_logs")]


MANY = """
with recursive counted as (select 1 as number union all select number + 1 from counted limit 2000)
insert into {table} (id, api_type, request_data, response_data)
select number, 'x', '{{}}', '{{}}' from counted;
"""


def test_tables_of_one_file_are_read_concurrently(origin: Installation) -> None:
    tables = ["order_logs", "analyzer_logs"] * 2
    for table in tables[:2]:
        origin.script("openalgo", MANY.format(table=table))
    with sources.opened([origin.folder], []) as found, ThreadPoolExecutor(4) as readers:
        read = [*readers.map(lambda table: [row["id"] for row in found.rows(table)], tables)]

    assert read == [[*range(1, 2001)]] * 4


def test_invalid_utf_8_does_not_stop_the_import(origin: Installation) -> None:
    with closing(sqlite3.connect(origin.path("openalgo"))) as connection, connection:
        connection.execute(
            "insert into order_logs values (1, cast(x'ff41' as text), '{}', '{}', '')"
        )
    with sources.opened([origin.folder], []) as found:
        assert [row["api_type"] for row in found.rows("order_logs")] == [
            "\N{REPLACEMENT CHARACTER}A"
        ]
