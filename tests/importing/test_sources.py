"""Files and databases that are read: damaged, of other versions, not there; never written."""

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, users
from oadb.errors import ConfigError, LoadError
from oadb.importing import runs, sources, streams
from oadb.importing.reports import TableReport
from oadb.settings import app_settings
from tests.importing.openalgo import API_KEY, ENVIRON, PASSWORD, Installation
from tests.importing.running import bring, told


def state(folder: Path) -> dict[str, str]:
    return {
        each.name: hashlib.sha256(each.read_bytes()).hexdigest()
        for each in sorted(folder.iterdir())
        if not each.name.endswith("-shm")  # who reads a log marks there how far
    }


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


@pytest.mark.parametrize("mode", ["delete", "wal"])
@pytest.mark.parametrize("applies", [False, True])
def test_nothing_is_written_to_a_file_nor_beside_it(
    db: Database, there: Installation, mode: str, applies: bool
) -> None:
    there.add_asha()
    there.add_logs(2)
    for name in ("openalgo", "logs", "latency"):
        there.script(name, f"pragma journal_mode = {mode}")
    before, listed = state(there.folder), names(there.folder)
    assert listed == ["latency.db", "logs.db", "openalgo.db"]
    reports = bring(db, there, applies=applies)

    assert reports["order_logs"].written == 2
    assert (state(there.folder), names(there.folder)) == (before, listed)


REQUEST = {"client_ip": "::1", "method": "GET", "path": "/", "status_code": 200, "duration_ms": 1}


@pytest.mark.parametrize("mode", ["delete", "wal"])
def test_who_writes_to_a_file_is_not_stopped_and_what_he_wrote_is_read(
    there: Installation, mode: str
) -> None:
    there.script("logs", f"pragma journal_mode = {mode}")
    there.add("traffic_logs", *[REQUEST] * 1200, file="logs")
    path = there.path("logs")
    with closing(sqlite3.connect(path, timeout=0)) as openalgo:
        openalgo.execute("select count(*) from traffic_logs").fetchone()
        listed = names(there.folder)
        with sources.opened([path], []) as found:
            rows = found.rows("traffic_logs")
            next(rows)
            openalgo.execute("update traffic_logs set path = '/late' where id = 1200")
            openalgo.commit()
            read = [*rows]
            assert names(there.folder) == listed

    assert (len(read), read[-1]["path"]) == (1199, "/late")
    assert names(there.folder) == ["latency.db", "logs.db", "openalgo.db"]


def test_a_file_whose_openalgo_starts_meanwhile_is_not_read_on(there: Installation) -> None:
    there.script("logs", "pragma journal_mode = wal")
    there.add("traffic_logs", *[REQUEST] * 1200, file="logs")
    path = there.path("logs")
    with sources.opened([path], []) as found:
        rows = found.rows("traffic_logs")
        next(rows)
        there.add("traffic_logs", REQUEST, file="logs")  # and it writes its log back when it ends
        with pytest.raises(
            LoadError, match=r"logs\.db: it was written to meanwhile; stop OpenAlgo"
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


def left_by_a_killed_writer(there: Installation, mode: str) -> Path:
    there.add_logs(40)
    path = there.path("openalgo")
    there.script("openalgo", f"pragma journal_mode = {mode}")
    subprocess.run([sys.executable, "-c", KILLED, str(path), mode], check=True, timeout=30)
    return path


def test_a_write_that_was_not_ended_is_told_with_what_to_do(there: Installation) -> None:
    path = left_by_a_killed_writer(there, "delete")
    before = state(there.folder)
    assert "openalgo.db-journal" in before

    with (
        pytest.raises(
            LoadError, match=r"openalgo\.db: it was not closed; open it with OpenAlgo or"
        ),
        sources.opened([path], []),
    ):
        pass
    assert state(there.folder) == before
    there.script("openalgo", "select count(*) from order_logs")
    with sources.opened([path], []) as found:
        assert {row["api_type"] for row in found.rows("order_logs")} == {"placeorder"}


def test_a_log_that_was_left_is_read_with_its_index_and_not_without(there: Installation) -> None:
    path = left_by_a_killed_writer(there, "wal")
    before, listed = state(there.folder), names(there.folder)
    assert {"openalgo.db-shm", "openalgo.db-wal"} <= {*listed}

    with sources.opened([path], []) as found:
        assert {row["api_type"] for row in found.rows("order_logs")} == {"placeorderx"}
    assert (state(there.folder), names(there.folder)) == (before, listed)
    path.with_name("openalgo.db-shm").unlink()
    with (
        pytest.raises(LoadError, match=r"openalgo\.db-wal is beside it, but not openalgo\.db-shm"),
        sources.opened([path], []),
    ):
        pass
    assert names(there.folder) == [name for name in listed if not name.endswith("-shm")]


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4096])


def overwritten(path: Path) -> None:
    text = path.read_bytes()
    path.write_bytes(text[:8192] + b"\xff" * 4096 + text[12288:])


def replaced(path: Path) -> None:
    path.write_bytes(b"this is no database, although it is long enough" * 100)


@pytest.mark.parametrize("damage", [truncated, overwritten, replaced, Path.unlink])
def test_a_damaged_file_is_refused_before_anything_is_written(
    db: Database, there: Installation, damage: Callable[[Path], None]
) -> None:
    there.add_asha()
    there.add_logs(40)
    path = there.path("openalgo")
    damage(path)
    plan = runs.Plan("openalgo", None, applies=True)

    with (
        pytest.raises(LoadError, match=r"openalgo\.db: ") as refused,
        sources.opened([path], []) as found,
    ):
        [*runs.run(db, found, ENVIRON, plan, lambda _rows: None)]
    assert refused.value.__cause__ is None
    assert users.count_all(db) == 0


def test_damage_that_shows_while_rows_are_read_is_told_with_table_and_id(
    there: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    there.add_logs(40)
    monkeypatch.setitem(
        sources._READ, "order_logs",
        b"select *, json(case when id = 7 then '{' end) as x from order_logs "
        b"where id > $1 limit $2",
    )  # fmt: skip
    with (
        sources.opened([there.folder], []) as found,
        pytest.raises(LoadError, match=r"openalgo\.db: order_logs behind id [56]: "),
    ):
        [*found.rows("order_logs")]


MANY = """
with recursive counted as (select 1 as number union all select number + 1 from counted limit 2000)
insert into {table} (id, api_type, request_data, response_data)
select number, 'x', '{{}}', '{{}}' from counted;
"""


def test_tables_of_one_file_are_read_at_once(there: Installation) -> None:
    tables = ["order_logs", "analyzer_logs"] * 2
    for table in tables[:2]:
        there.script("openalgo", MANY.format(table=table))
    with sources.opened([there.folder], []) as found, ThreadPoolExecutor(4) as readers:
        read = [*readers.map(lambda table: [row["id"] for row in found.rows(table)], tables)]

    assert read == [[*range(1, 2001)]] * 4


def test_a_table_that_two_files_have_rows_of_is_refused(there: Installation) -> None:
    user = {"username": "a", "email": "a@b.in", "password_hash": "x", "totp_secret": ""}
    there.script("old", "create table users (id integer primary key, username text)")
    with sources.opened([there.folder], []) as found:
        assert [*found.rows("users")] == []
    there.add("users", {"username": "b"}, file="old")
    with sources.opened([there.folder], []) as found:
        assert [row["username"] for row in found.rows("users")] == ["b"]
    there.add("users", user)

    with (
        pytest.raises(
            LoadError, match=r"users is in old\.db and openalgo\.db|openalgo\.db and old"
        ),
        sources.opened([there.folder], []),
    ):
        pass


def test_a_folder_without_databases_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with (
        pytest.raises(LoadError, match=r"no \*\.db file"),
        sources.opened([tmp_path / "empty"], []),
    ):
        pass


def test_an_older_version_lacks_columns_and_a_newer_one_has_more(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    there.script(
        "openalgo",
        """
        alter table users drop column totp_enabled;
        alter table users drop column totp_required_for_login;
        alter table users add column telegram text default 'canary';
        alter table api_keys drop column order_mode;
        drop table login_attempts;
        drop table analyzer_logs;
        create table flow_workflows (id integer primary key);
        """,
    )
    reports = bring(db, there)
    said = told(reports)

    assert "it lacks the columns totp_enabled, totp_required_for_login" in said
    assert "it has columns that are not read: telegram" in said
    assert "it lacks the columns order_mode" in said
    assert "canary" not in said
    assert "login_attempts" not in reports
    verified = api_keys.verify(db, Secret(API_KEY))
    assert isinstance(verified, api_keys.VerifiedKey)
    assert verified.order_mode == "auto"
    with sources.opened([there.folder], []) as found:
        assert (found.short_lived, found.unread) == (["active_sessions"], ["flow_workflows"])


def test_a_table_without_ids_is_left_out_and_the_others_are_brought_over(
    db: Database, there: Installation
) -> None:
    there.add_asha()
    there.add_logs(1)
    there.script(
        "openalgo",
        """
        drop table settings;
        create table settings (key text primary key, value text);
        insert into settings values ('analyze_mode', 'canary');
        drop table order_logs;
        create table order_logs (id text primary key, api_type text);
        insert into order_logs values ('canary', 'placeorder');
        drop table strategy_symbol_mappings;
        create table strategy_symbol_mappings (strategy_id integer, symbol text);
        """,
    )
    reports = bring(db, there)

    assert reports["users"].written == reports["analyzer_logs"].written == 1
    for table in ("settings", "order_logs", "strategy_symbol_mappings"):
        assert [*reports[table].lines("written")][1:] == [
            "    it is left out: in openalgo.db, its primary key is not an id, a whole number"
        ]
    assert "it is left out, as strategy_symbol_mappings is" in "".join(
        reports["strategies"].remarks
    )
    assert "canary" not in told(reports)


@contextmanager
def served(url: str, tables: str) -> Generator[tuple[psycopg.Connection, str]]:
    """Give a connection to tables of OpenAlgo's in a schema, and a URL under which they are."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create schema there; set search_path = there; {tables}".encode())
        more = "&" if "?" in url else "?"
        yield connection, f"{url}{more}options={quote('-c search_path=there')}"


def brought(db: Database, url: str) -> dict[str, TableReport]:
    plan = runs.Plan("openalgo", None, applies=True)
    with sources.opened([], [url]) as found:
        return {each.table: each for each in runs.run(db, found, ENVIRON, plan, lambda _rows: None)}


POSTGRESQL = """
create table users (id bigint primary key, username text, email text, password_hash text,
    totp_secret text, is_admin boolean, totp_enabled boolean);
create table order_logs (id bigint primary key, api_type text, request_data text,
    response_data text, created_at timestamptz);
create table traffic_logs (id bigint primary key, timestamp timestamptz, client_ip text,
    method text, path text, status_code int, duration_ms float8);
create table settings (id bigint primary key, analyze_mode boolean);
insert into settings values (1, false), (2, false);
insert into order_logs values
    (1, 'x', '{}', '{}', '2025-07-31 09:15+05:30'), (2, 'x', '{}', '{}', 'infinity');
insert into traffic_logs values (1, '2025-07-31 09:15Z', '::1', 'GET', '/', 200, 'nan'),
    (2, '2025-07-31 09:15Z', '::1', 'GET', '/', 200, 1.5);
"""


def test_a_postgresql_database_is_read_as_well(
    db: Database, config: Config, there: Installation, oadb_database_url: str
) -> None:
    there.add_asha()
    with sources.opened([there.folder], []) as found:
        (user,) = found.rows("users")
    with served(oadb_database_url, POSTGRESQL) as (openalgo, url):
        openalgo.execute(
            "insert into users values (1, 'Asha', 'asha@example.in', %s, %s, true, true)",
            [user["password_hash"], user["totp_secret"]],
        )
        reports = brought(db, url)
    with psycopg.connect(**config.connection_keywords()) as connection:
        stored = connection.execute(
            "select logged_at = '2025-07-31 09:15+05:30' from oadb.api_logs"
        ).fetchall()

    signed = users.verify_password(db, "asha", Secret(PASSWORD))
    assert signed is not None
    assert signed.is_admin
    assert stored == [(True,)]
    assert app_settings.get_trading_mode(db) == "live"
    assert reports["order_logs"].left_out_ids() == {
        "created_at is no time such as 2026-11-23 09:15:00": ["2"]
    }
    assert reports["traffic_logs"].left_out_ids() == {"duration_ms is no number": ["1"]}


CALL = """
insert into there.order_logs (api_type, request_data, response_data, created_at)
values (%s, '{}', '{}', now() - %s::interval)
"""


def test_rows_before_which_one_may_still_be_committed_come_with_a_later_run(
    db: Database, config: Config, oadb_database_url: str
) -> None:
    table = """create table order_logs (id serial primary key, api_type text, request_data text,
        response_data text, created_at timestamptz)"""
    with (
        served(oadb_database_url, table) as (openalgo, url),
        psycopg.connect(oadb_database_url) as slow,
    ):
        openalgo.execute(CALL, ["settled", "6 minutes"])
        openalgo.execute(CALL, ["of a broken clock", "-2 days"])
        slow.execute(CALL, ["slow", "1 minute"])
        openalgo.execute(CALL, ["quick", "1 minute"])
        openalgo.execute(CALL, ["quick", "6 minutes"])
        early = brought(db, url)["order_logs"]
        slow.commit()
        openalgo.execute("update order_logs set created_at = created_at - interval '1 hour'"
                         " where id > 2")  # fmt: skip
        later = brought(db, url)["order_logs"]
    with psycopg.connect(**config.connection_keywords()) as connection:
        stored = connection.execute("select endpoint from oadb.api_logs order by log_id").fetchall()

    assert (early.found, early.written) == (2, 1)
    assert "rows of the last 5 minutes come with a later run" in "".join(early.remarks)
    assert (later.found, later.written, later.remarks) == (3, 3, [])
    assert [endpoint for (endpoint,) in stored] == [
        f"/api/v1/{kind}" for kind in ("settled", "slow", "quick", "quick")
    ]


def test_a_postgresql_table_without_ids_is_left_out(oadb_database_url: str) -> None:
    tables = """
    create table order_logs (id uuid primary key default gen_random_uuid(), api_type text);
    create table analyzer_logs (id bigint, api_type text);
    create table traffic_logs (id bigint, part int, primary key (id, part));
    create table order_latency (id smallint primary key, order_id text);
    """
    with served(oadb_database_url, tables) as (_, url), sources.opened([], [url]) as found:
        assert sorted(found.unfit) == ["analyzer_logs", "order_logs", "traffic_logs"]
        assert "order_latency" in found


@pytest.fixture
def bytes_url(oadb_empty_url: str) -> Generator[str]:
    """Give the URL of a database that knows no encoding."""
    with psycopg.connect(oadb_empty_url, autocommit=True) as connection:
        name = connection.info.dbname
        plain = sql.Identifier(f"{name}_plain")
        connection.execute(
            sql.SQL("create database {} template template0 encoding 'SQL_ASCII' locale 'C'").format(
                plain
            )
        )
        try:
            yield oadb_empty_url.replace(name, f"{name}_plain")
        finally:
            connection.execute(sql.SQL("drop database {} with (force)").format(plain))


def test_a_database_that_knows_no_encoding_is_read_as_utf_8(bytes_url: str) -> None:
    with psycopg.connect(bytes_url, client_encoding="utf8", autocommit=True) as openalgo:
        openalgo.execute("create table users (id serial primary key, username text)")
        openalgo.execute("insert into users (username) values ('\N{DEVANAGARI LETTER A}')")
        with sources.opened([], [bytes_url]) as found:
            assert [*found.rows("users")] == [{"id": 1, "username": "\N{DEVANAGARI LETTER A}"}]
        openalgo.execute(rb"insert into users (username) values (E'\xff')")

        with (
            pytest.raises(LoadError, match=r"users, its first row: invalid byte sequence"),
            sources.opened([], [bytes_url]) as found,
        ):
            [*found.rows("users")]


def test_a_url_that_leads_nowhere_does_not_show_its_password() -> None:
    for url in ("postgresql://u:canary@localhost:1/x", "mysql://u:canary@h/x", "canary",
                "postgresql://u:can/ary@h/x"):  # fmt: skip
        with pytest.raises((LoadError, ConfigError)) as refused, sources.opened([], [url]):
            pass
        assert "canary" not in str(refused.value)
        assert "DATABASE_URL" not in str(refused.value)


def test_texts_that_are_no_utf_8_do_not_end_the_reading(there: Installation) -> None:
    with closing(sqlite3.connect(there.path("openalgo"))) as connection, connection:
        connection.execute(
            "insert into order_logs values (1, cast(x'ff41' as text), '{}', '{}', '')"
        )
    with sources.opened([there.folder], []) as found:
        assert [row["api_type"] for row in found.rows("order_logs")] == [
            "\N{REPLACEMENT CHARACTER}A"
        ]


def test_a_batch_is_bounded_by_the_size_of_blobs_as_well(there: Installation) -> None:
    with closing(sqlite3.connect(there.path("openalgo"))) as connection, connection:
        for _ in range(12):
            connection.execute(
                "insert into order_logs (api_type, request_data, response_data) values (?, '', '')",
                [b"x" * 1_000_000],
            )
    with sources.opened([there.folder], []) as found:
        batches = [len(each.rows) for each in streams._batches(found.rows("order_logs"))]

    assert batches == [5, 5, 2]
