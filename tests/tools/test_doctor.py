"""What the doctor says of a healthy database, and of each thing that can be amiss."""

from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from oadb import Config
from oadb.tools import doctor


@pytest.fixture
def config(oadb_database_url: str) -> Config:
    return Config.from_env({"DATABASE_URL": oadb_database_url, "DB_POOL_SIZE": "1"})


def findings(config: Config) -> dict[str, doctor.Finding]:
    return {finding.subject: finding for finding in doctor.examine(config)}


def test_a_healthy_database_has_nothing_amiss(config: Config) -> None:
    found = findings(config)

    assert [str(finding) for finding in found.values() if not finding.ok] == []
    assert found["migrations"].text.startswith("all ")
    assert found["statement_timeout"].text == "15 s"


def test_a_pool_larger_than_the_server_allows_is_amiss(config: Config) -> None:
    found = findings(replace(config, max_overflow=900))["pool"]

    assert not found.ok
    assert found.text.startswith("at most 901 connections of ")
    assert "lower DB_POOL_SIZE or DB_MAX_OVERFLOW" in found.text


def test_a_limit_that_is_off_is_amiss(config: Config) -> None:
    found = findings(replace(config, statement_timeout=0.0))["statement_timeout"]

    assert str(found) == (
        "FAIL statement_timeout: no limit; set it on the role: alter role ... set statement_timeout"
    )


def test_a_database_without_migrations_is_amiss(oadb_empty_url: str) -> None:
    found = findings(Config.from_env({"DATABASE_URL": oadb_empty_url}))["migrations"]

    assert not found.ok
    assert found.text.endswith("pending; run oadb migrate")


def test_a_clock_that_is_off_is_amiss(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "MOST_SKEW", timedelta(microseconds=-1))

    found = findings(config)["clock"]

    assert not found.ok
    assert found.text.endswith("synchronise both hosts with NTP")


def test_an_edited_migration_is_amiss(config: Config, oadb_database_url: str) -> None:
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute(
            "update oadb.applied_migrations set checksum = sha256('other') "
            "where migration_id = '0002_create_users'"
        )

    assert findings(config)["migrations"].text == "0002_create_users: see oadb migrate status"


def test_no_connection_is_the_only_finding() -> None:
    found = list(doctor.examine(Config.from_env({"DATABASE_URL": "postgresql://127.0.0.1:1/x"})))

    assert [(finding.ok, finding.subject) for finding in found] == [(False, "connection")]
    assert "\n" not in found[0].text
