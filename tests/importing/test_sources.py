"""Files and databases that are read: damaged, of other versions, not there; never written."""

import hashlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from oadb import Config, Database, Secret, api_keys, app_settings, users
from oadb.errors import ConfigError, LoadError
from oadb.importing import runs, sources
from tests.importing.openalgo import API_KEY, ENVIRON, PASSWORD, Installation
from tests.importing.running import bring, told


def test_nothing_is_written_to_a_file(db: Database, there: Installation) -> None:
    there.add_asha()
    there.add_logs(2)

    def state() -> dict[str, str]:
        files = sorted(there.folder.iterdir())
        return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in files}

    before = state()
    bring(db, there)

    assert state() == before


def test_what_is_committed_meanwhile_is_not_seen(there: Installation) -> None:
    there.script("logs", "pragma journal_mode = wal")
    request = {"client_ip": "::1", "method": "GET", "path": "/", "status_code": 200}
    there.add("traffic_logs", {**request, "duration_ms": 1}, file="logs")
    with sources.opened([there.path("logs")], []) as found:
        there.add("traffic_logs", {**request, "duration_ms": 2}, file="logs")

        assert len([*found.rows("traffic_logs")]) == 1


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
        b"select *, json(case when id = 7 then '{' end) as x from order_logs where id > $1",
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
        assert {"active_sessions", "flow_workflows"} <= {*found.unread}


POSTGRESQL = """
create schema there;
set search_path = there;
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
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute(POSTGRESQL.encode())
        connection.execute(
            "insert into users values (1, 'Asha', 'asha@example.in', %s, %s, true, true)",
            [user["password_hash"], user["totp_secret"]],
        )
    url = oadb_database_url + ("&" if "?" in oadb_database_url else "?")
    plan = runs.Plan("openalgo", None, applies=True)
    with sources.opened([], [f"{url}options={quote('-c search_path=there')}"]) as found:
        reports = {
            each.table: each for each in runs.run(db, found, ENVIRON, plan, lambda _rows: None)
        }
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
