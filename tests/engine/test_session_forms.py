"""Texts of values have one form in every session, whatever database, role and URL say."""

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import quote

import psycopg
import pytest

from oadb.engine import dsn
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.direct_connection import DirectConnection
from oadb.engine.single_connection import SingleConnection
from oadb.errors import UnavailableError
from oadb.testing.servers import Server
from oadb.tools import session_forms
from tests.support.declaring import declared
from tests.support.pgbouncer import bouncing, needs_pgbouncer
from tests.support.rig import Connect

HOSTILE = {
    "DateStyle": "German, DMY",
    "IntervalStyle": "iso_8601",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "array_nulls": "off",
    "standard_conforming_strings": "off",
    "client_encoding": "LATIN1",
    "TimeZone": "Asia/Kolkata",
    "lc_monetary": "C",
    "search_path": "pg_temp, public",
}
ROLE = "oadb_test_hostile"


@dataclass(frozen=True, slots=True)
class Values:
    at: datetime
    day: date
    clock: time
    span: timedelta
    data: bytes
    ratio: float
    days: list[date]
    gaps: list[int | None]
    words: str


VALUES = Values(
    datetime(2026, 3, 4, 5, 6, 7, 890, UTC),
    date(2026, 3, 4),
    time(5, 6, 7, 890),
    timedelta(days=-3, hours=4, microseconds=5),
    b"a\\b\x00\xff",
    0.1 + 0.2,
    [date(2026, 3, 4)],
    [1, None],
    "a\\d €",
)
COLUMNS = (
    ":at::timestamptz as at, :day::date as day, :clock::time as clock, :span::interval as span, "
    ":data::bytea as data, :ratio::float8 as ratio, array[:day::date] as days, "
    r":gaps::integer[] as gaps, 'a\d €' as words"
)
TAKES = {
    "at": datetime,
    "day": date,
    "clock": time,
    "span": timedelta,
    "data": bytes,
    "ratio": float,
    "gaps": list[int | None],
}
GIVEN = [getattr(VALUES, name) for name in TAKES]
get = declared(f"select {COLUMNS}", Values, **TAKES)
stream = declared(f"select {COLUMNS}", Iterator[Values], **TAKES)


@pytest.fixture(params=["database", "role", "role in database"])
def hostile_url(request: pytest.FixtureRequest, url: str) -> Generator[str]:
    """Give the URL of a database, with hostile settings for it, or for the role that connects."""
    keywords = {**dsn.parse(url).keywords, "user": ROLE}
    name = keywords["dbname"]
    # A server in a container asks for one.
    password = f"password '{keywords['password']}'" if "password" in keywords else ""
    target = {"database": f"database {name}", "role": f"role {ROLE}"}.get(
        request.param, f"role {ROLE} in database {name}"
    )
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"create role {ROLE} login {password}".encode())
        try:
            for setting, value in HOSTILE.items():
                given = value if setting == "search_path" else f"'{value}'"
                admin.execute(f"alter {target} set {setting} = {given}".encode())
            yield Server("url", keywords).url(name)
        finally:
            admin.execute(f"alter database {name} reset all".encode())
            admin.execute(f"drop role {ROLE}".encode())


def test_values_are_read_and_written_as_without_the_settings(
    connect: Connect, hostile_url: str
) -> None:
    with psycopg.connect(hostile_url) as plain:
        shown = plain.execute("select now()::text, current_setting('array_nulls')").fetchone()
        assert shown is not None
        assert ("." in shown[0][:4], shown[1]) == (True, "off"), "the settings are there"
    db = connect(hostile_url)
    assert get(db, *GIVEN) == VALUES
    assert [*stream(db, *GIVEN)] == [VALUES]
    with db.transaction() as tx:
        assert get(tx, *GIVEN) == VALUES
    keywords = dsn.connection_keywords(dsn.parse(hostile_url), {})
    with DirectConnection.to(keywords, seconds=10.0) as connection:
        assert get(SingleConnection(connection), *GIVEN) == VALUES


def test_options_of_the_url_do_not_change_them(connect: Connect, url: str) -> None:
    options = quote("-c DateStyle=German -c extra_float_digits=-15 -c work_mem=5MB")
    db = connect(f"{url}{'&' if '?' in url else '?'}options={options}")

    assert get(db, *GIVEN) == VALUES
    shown = declared("select current_setting('work_mem') as shown", str)
    assert shown(db) == "5MB"


def test_a_variable_of_libpq_that_changes_them_is_refused(
    connect: Connect, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGDATESTYLE", "German")

    with pytest.raises(UnavailableError, match="DateStyle of the session is 'German, DMY'"):
        get(connect(url, pool_timeout_seconds=0.3), *GIVEN)


@needs_pgbouncer
def test_behind_pgbouncer_a_session_of_another_form_is_refused(
    connect: Connect, hostile_url: str
) -> None:
    with bouncing(hostile_url) as bouncer:
        db = connect(bouncer.url, pooler="pgbouncer", pool_timeout_seconds=0.3)
        with pytest.raises(UnavailableError, match=r"of the session is .* alter role \.\.\. set"):
            get(db, *GIVEN)


@needs_pgbouncer
def test_behind_pgbouncer_the_doctor_names_what_the_server_does_not_report(url: str) -> None:
    name = dsn.parse(url).keywords["dbname"]
    with psycopg.connect(url, autocommit=True) as admin:
        admin.execute(f"alter database {name} set extra_float_digits = 0".encode())
        try:
            with bouncing(url) as bouncer:
                config = Config.from_env({"DATABASE_URL": bouncer.url, "DB_POOLER": "pgbouncer"})
                with Database(config) as db:
                    [found] = session_forms.check(db, config)
        finally:
            admin.execute(f"alter database {name} reset all".encode())

    assert str(found) == (
        "FAIL texts of values: extra_float_digits is 0: alter role ... set extra_float_digits = '1'"
    )
