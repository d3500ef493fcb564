"""Config: every variable valid, missing, empty and invalid; the password is never shown."""

import math
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.engine import dsn
from oadb.engine.url_schemes import LocalTarget
from oadb.errors import ConfigError, ParameterError, UnavailableError

URL = "postgresql://asha:hunter2@db.internal:6432/trading"

Read = Callable[[Config], Any]

# A variable, its field, its default, valid texts with their values, invalid texts.
VARIABLES: list[tuple[str, Read, Any, dict[str, Any], list[str]]] = [
    ("DB_POOL_SIZE", lambda c: c.pool_size, 5, {"1": 1, " 20 ": 20, "1000": 1000},
     ["0", "-1", "1.5", "1001", "five", "٣", "1_0", "9" * 5000]),
    ("DB_MAX_OVERFLOW", lambda c: c.max_overflow, 10, {"0": 0, "1000": 1000},
     ["-1", "1001", "many", "0x10"]),
    ("DB_POOL_TIMEOUT", lambda c: c.pool_timeout_seconds, 30.0, {"0.5": 0.5, "86400": 86400.0},
     ["0", "-1", "nan", "inf", "30s", "86401"]),
    ("DB_POOL_MAX_WAITING", lambda c: c.pool_max_waiting, 0, {"0": 0, "500": 500},
     ["-1", "none", "1000001"]),
    ("DB_CALL_DEADLINE", lambda c: c.call_seconds, 17.0, {"0": math.inf, "0.5": 0.5, "60": 60.0},
     ["-1", "nan", "inf", "30s", "86401"]),
    ("DB_POOL_RECYCLE", lambda c: c.pool_recycle_seconds, 1800.0,
     {"-1": math.inf, "0.5": 0.5, "60": 60.0}, ["0", "-2", "nan", "inf", "never"]),
    ("DB_POOL_PRE_PING", lambda c: c.pool_pre_ping, True,
     {"true": True, "1": True, "YES": True, "on": True, "False": False, "0": False, "no": False},
     ["2", "maybe", "t"]),
    ("DB_STATEMENT_TIMEOUT", lambda c: c.statement_timeout_seconds, 15.0, {"0": 0.0, "0.25": 0.25},
     ["-1", "nan", "inf", "15s", "86401"]),
    ("DB_LOCK_TIMEOUT", lambda c: c.lock_timeout_seconds, 2.0, {"0": 0.0, "1e1": 10.0},
     ["-1", "2 s"]),
    ("DB_IDLE_IN_TRANSACTION_TIMEOUT", lambda c: c.idle_in_transaction_timeout_seconds, 10.0,
     {"0": 0.0, "5": 5.0}, ["-0.1", "ten"]),
    ("DB_SECOND_CONNECTION", lambda c: c.second_connection, "warn",
     {"warn": "warn", "error": "error", "allow": "allow"}, ["yes", "Warn"]),
    ("DB_POOLER", lambda c: c.pooler, "none",
     {each: each for each in ("none", "pgbouncer", "pgbouncer-prepared")},
     ["PgBouncer", "odyssey"]),
]  # fmt: skip  # a table
GOOD = [
    (name, read, text, value)
    for name, read, _, good, _ in VARIABLES
    for text, value in good.items()
]
BAD = [(name, text) for name, _, _, _, bad in VARIABLES for text in bad]


def config(**variables: str) -> Config:
    return Config.from_env({"DATABASE_URL": URL, **variables})


def refused(**variables: str) -> str:
    with pytest.raises(ConfigError) as error:
        Config.from_env(variables)
    assert error.value.__cause__ is None
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return str(error.value)


@pytest.mark.parametrize(("name", "read", "text", "value"), GOOD)
def test_a_valid_value_is_accepted(name: str, read: Read, text: str, value: object) -> None:
    assert read(config(**{name: text})) == value


@pytest.mark.parametrize("text", [None, "", "  "])
@pytest.mark.parametrize(("name", "read", "default"), [v[:3] for v in VARIABLES])
def test_missing_or_empty_is_the_default(
    name: str, read: Read, default: object, text: str | None
) -> None:
    given = config() if text is None else config(**{name: text})

    assert read(given) == default


@pytest.mark.parametrize(("name", "text"), BAD)
def test_a_bad_value_is_refused_with_the_name_and_what_is_allowed(name: str, text: str) -> None:
    message = refused(DATABASE_URL=URL, **{name: text})

    assert message.startswith(f"{name} is ")
    assert "it must be " in message


def test_the_defaults_are_those_of_the_documentation() -> None:
    given = config()

    assert given.pool_max == 15
    assert given._server_settings == {
        "search_path": "",
        "statement_timeout": 15_000,
        "lock_timeout": 2_000,
        "idle_in_transaction_session_timeout": 10_000,
        "tcp_keepalives_idle": 3,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "client_connection_check_interval": 1_000,
    }


def test_a_short_limit_is_not_rounded_to_no_limit() -> None:
    """0 means no limit to PostgreSQL."""
    assert config(DB_STATEMENT_TIMEOUT="0.0004")._server_settings["statement_timeout"] == 1
    assert config(DB_STATEMENT_TIMEOUT="0")._server_settings["statement_timeout"] == 0


def test_a_pooler_gets_no_settings_at_startup() -> None:
    assert config(DB_POOLER="pgbouncer")._server_settings is None
    assert "options" not in config(DB_POOLER="pgbouncer").connection_keywords()
    assert "options" not in config(DB_POOLER="pgbouncer-prepared").connection_keywords()


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg"])
def test_every_form_of_url_gives_the_same_keywords(scheme: str) -> None:
    keywords = Config.from_env({"DATABASE_URL": URL.replace("postgresql", scheme)}).dsn.keywords

    assert keywords == {
        "user": "asha",
        "password": "hunter2",
        "host": "db.internal",
        "port": "6432",
        "dbname": "trading",
    }


def keywords_of(url: str) -> dict[str, str]:
    return Config.from_env({"DATABASE_URL": url}).connection_keywords()


def test_escaped_characters_are_decoded() -> None:
    keywords = keywords_of("postgresql://a%40b:p%40%2F%3A%25@h/d%20b")

    assert (keywords["user"], keywords["password"], keywords["dbname"]) == ("a@b", "p@/:%", "d b")


def test_several_hosts_are_tried_for_one_that_takes_writes() -> None:
    keywords = keywords_of("postgresql://u@one:5432,two:5433/d")

    assert (keywords["host"], keywords["port"]) == ("one,two", "5432,5433")
    assert keywords["target_session_attrs"] == "read-write"
    assert "target_session_attrs" not in keywords_of("postgresql://u@one/d")
    assert (
        keywords_of("postgresql://u@a,b/d?target_session_attrs=any")["target_session_attrs"]
        == "any"
    )


def test_options_of_the_url_take_precedence() -> None:
    keywords = keywords_of(
        f"{URL}?connect_timeout=9&application_name=bot&options=-c%20work_mem%3D1MB"
    )

    assert keywords["connect_timeout"] == "9"
    assert keywords["application_name"] == "bot"
    assert keywords["options"].startswith("-c statement_timeout=15000 ")
    _, given, after = keywords["options"].partition(" -c work_mem=1MB ")
    assert given
    assert after.split()[1::2] == [f"{name}={value}" for name, value in dsn.SESSION_FORMS.items()]


def test_an_embedded_database_is_a_folder() -> None:
    given = Config.from_env({"DATABASE_URL": "embedded:./data"})

    assert given.dsn.local == LocalTarget("embedded", str(Path("data").absolute()))
    assert str(given.dsn) == f"embedded:{Path('data').absolute()}"


def test_an_embedded_database_is_refused_in_production() -> None:
    message = refused(DATABASE_URL="embedded:./data", OADB_ENV="production")

    assert "refused if OADB_ENV=production" in message


def test_an_embedded_database_needs_a_folder() -> None:
    assert "embedded: needs a folder" in refused(DATABASE_URL="embedded:")


@pytest.mark.parametrize("variables", [{}, {"DATABASE_URL": ""}, {"DATABASE_URL": "  "}])
def test_a_missing_url_says_what_is_expected(variables: dict[str, str]) -> None:
    assert refused(**variables).startswith("DATABASE_URL is not set: expected postgresql://")


@pytest.mark.parametrize(
    "url",
    [
        "mysql://asha:hunter2@h/d",
        "hunter2",
        "asha:hunter2@h/d",
        "postgresql:/asha:hunter2@h/d",
        "postgresql://asha:hunter2@h/d?no_such=option",
        "postgresql://asha:hunter2%zz@h/d",
        "postgresql://asha:hunter2%00@h/d",
        "postgresql://asha:hunter2@[::1/d",
        "postgresql://asha:\ud800hunter2@h/d",
        "host=h password=hunter2",
        "host=h password=hunter2 options=x://y",
        "hunter2 postgresql://h/d",
    ],
)
def test_a_bad_url_is_refused_without_showing_it(url: str) -> None:
    message = refused(DATABASE_URL=url)

    assert message.startswith("DATABASE_URL")
    assert "hunter2" not in message


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://asha:a/hunter2@127.0.0.1:1/d",
        "postgresql://asha:a@hunter2@127.0.0.1:1/d",
        "postgresql://asha:hunter2/a@127.0.0.1:1/d",
    ],
)
def test_a_password_with_unescaped_characters_does_not_show(url: str) -> None:
    """An unescaped / or @ ends the password, and the rest is read as a host, port or database."""
    with pytest.raises((ConfigError, UnavailableError)) as error:
        Database(Config.from_env({"DATABASE_URL": url})).open()

    assert "hunter2" not in str(error.value)


def test_a_configuration_does_not_show_the_password() -> None:
    given = config()

    assert "hunter2" not in repr(given) + str(given) + repr(given.dsn) + str(given.dsn)
    assert str(given.dsn) == "asha@db.internal:6432/trading"
    assert given.connection_keywords()["password"] == "hunter2"


def test_a_refused_connection_does_not_show_the_password() -> None:
    url = "postgresql://asha:hunter2@127.0.0.1:1/d"
    with pytest.raises(UnavailableError, match=r"asha@127\.0\.0\.1:1/d") as error:
        Database(Config.from_env({"DATABASE_URL": url})).open()

    assert "hunter2" not in repr(error.value)


def test_a_configuration_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(config())) == config()


def test_the_environment_of_the_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", URL)
    monkeypatch.setenv("DB_POOL_SIZE", "7")

    assert Config.from_env().pool_size == 7


def test_a_url_in_place_of_a_configuration_is_refused_with_the_way_to_pass_one() -> None:
    wrong: Any = "postgresql://asha:secret@host/db"
    for kind in (Database, AsyncDatabase):
        with pytest.raises(ParameterError, match=r"Database\.from_url\(url\)") as refused:
            kind(wrong)
        assert "secret" not in str(refused.value)


def test_a_url_of_the_caller_replaces_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://nowhere.invalid/db")
    monkeypatch.setenv("DB_POOL_SIZE", "1")
    monkeypatch.setenv("DB_MAX_OVERFLOW", "0")

    with Database.from_url(url) as db:
        assert (db.stats().size, db.stats().idle) == (1, 1)
    with pytest.raises(ConfigError, match="DATABASE_URL"):
        Database.from_url("mysql://host/db")


def test_the_deadline_of_calls_follows_the_statement_timeout() -> None:
    assert config(DB_STATEMENT_TIMEOUT="5").call_seconds == 7.0
    assert config(DB_STATEMENT_TIMEOUT="0").call_seconds == math.inf
    assert config(DB_STATEMENT_TIMEOUT="0", DB_CALL_DEADLINE="9").call_seconds == 9.0
