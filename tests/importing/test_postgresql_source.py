"""PostgreSQL databases of OpenAlgo are imported, up to rows that may not be committed yet."""

from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from oadb import Database, Secret
from oadb.accounts import users
from oadb.errors import ConfigError, LoadError
from oadb.importing import runs, sources
from oadb.importing.reports import TableReport
from oadb.settings import app_settings
from tests.importing.openalgo import ENVIRON, PASSWORD, Installation
from tests.support.rig import Observer


@contextmanager
def served(url: str, tables: str) -> Generator[tuple[psycopg.Connection, str]]:
    """Give a connection to tables of OpenAlgo in a schema of their own, and a URL for them."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create schema openalgo; set search_path = openalgo; {tables}".encode())
        more = "&" if "?" in url else "?"
        yield connection, f"{url}{more}options={quote('-c search_path=openalgo')}"


def imported(db: Database, url: str) -> dict[str, TableReport]:
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


def test_a_postgresql_database_is_imported(
    db: Database, observer: Observer, origin: Installation, oadb_database_url: str
) -> None:
    origin.add_asha()
    with sources.opened([origin.folder], []) as found:
        (user,) = found.rows("users")
    with served(oadb_database_url, POSTGRESQL) as (openalgo, url):
        openalgo.execute(
            "insert into users values (1, 'Asha', 'asha@example.in', %s, %s, true, true)",
            [user["password_hash"], user["totp_secret"]],
        )
        reports = imported(db, url)
    stored = observer.rows("select logged_at = '2025-07-31 09:15+05:30' from oadb.api_logs")

    signed = users.verify_password(db, "asha", Secret(PASSWORD))
    assert signed is not None
    assert signed.is_admin
    assert stored == [(True,)]
    assert app_settings.get_trading_mode(db) == "live"
    assert reports["order_logs"].left_out_ids() == {
        "created_at is not a time such as 2026-11-23 09:15:00": ["2"]
    }
    assert reports["traffic_logs"].left_out_ids() == {"duration_ms is not a number": ["1"]}


CALL = """
insert into openalgo.order_logs (api_type, request_data, response_data, created_at)
values (%s, '{}', '{}', now() - %s::interval)
"""


def test_rows_after_possibly_uncommitted_ones_are_left_to_a_later_run(
    db: Database, observer: Observer, oadb_database_url: str
) -> None:
    table = """create table order_logs (id serial primary key, api_type text, request_data text,
        response_data text, created_at timestamptz)"""
    with (
        served(oadb_database_url, table) as (openalgo, url),
        psycopg.connect(oadb_database_url) as slow,
    ):
        openalgo.execute(CALL, ["orders", "6 minutes"])
        openalgo.execute(CALL, ["of a wrong clock", "-2 days"])
        slow.execute(CALL, ["quotes", "1 minute"])
        openalgo.execute(CALL, ["funds", "1 minute"])
        openalgo.execute(CALL, ["funds", "6 minutes"])
        early = imported(db, url)["order_logs"]
        slow.commit()
        openalgo.execute(
            "update order_logs set created_at = created_at - interval '1 hour' where id > 2"
        )
        later = imported(db, url)["order_logs"]
    stored = observer.rows("select endpoint from oadb.api_logs order by log_id")

    assert (early.found, early.written) == (2, 1)
    assert "rows of the last 5 minutes are left to a later run" in "".join(early.remarks)
    assert (later.found, later.written, later.remarks) == (3, 3, [])
    assert [endpoint for (endpoint,) in stored] == [
        f"/api/v1/{kind}" for kind in ("orders", "quotes", "funds", "funds")
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
    """Give the URL of a database without an encoding (SQL_ASCII)."""
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


def test_a_database_without_an_encoding_is_read_as_utf_8(bytes_url: str) -> None:
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


def test_an_error_about_a_url_does_not_show_its_password() -> None:
    for url in (
        "postgresql://u:canary@localhost:1/x",
        "mysql://u:canary@h/x",
        "canary",
        "postgresql://u:can/ary@h/x",
    ):
        with pytest.raises((LoadError, ConfigError)) as refused, sources.opened([], [url]):
            pass
        assert "canary" not in str(refused.value)
        assert "DATABASE_URL" not in str(refused.value)
