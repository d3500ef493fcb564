"""oadb keys status and oadb instruments status."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from oadb import Database
from oadb.errors import LoadError
from oadb.market import loads
from oadb.security import keyring_file
from oadb.tools import key_rotation
from tests.support.command_line import oadb
from tests.support.instrument_rows import CALL, FUTURE
from tests.support.rotating import Ring, with_secrets

# Keys -------------------------------------------------------------------------------------------


def status(ring: Ring) -> list[str]:
    done = ring.oadb("status")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.usefixtures("cheap_hashing")
def test_the_status_of_keys_leads_through_a_rotation(ring: Ring) -> None:
    first, fit = status(ring)
    assert first.startswith("key 1 primary, made ")
    assert first.endswith(": no rows")
    assert fit == "ok   keys: none in use; the first secret enrolls key 1"

    with ring.open() as db:
        with_secrets(db)
    for command in ("add", "promote 2", "rewrap", "retire 1"):
        assert ring.oadb(*command.split()).returncode == 0
        steps = [line for line in status(ring) if line.startswith("next: ")]
        following = {
            "add": ["next: oadb keys promote 2"],
            "promote 2": ["next: oadb keys rewrap"],
            "rewrap": ["next: oadb keys retire 1"],
            "retire 1": [],
        }
        assert steps == following[command]
        assert "ok   keys: the key ring fits the database" in status(ring)


def test_the_status_of_keys_enrolls_nothing(ring: Ring) -> None:
    status(ring)

    with psycopg.connect(ring.url) as connection:
        assert connection.execute("select count(*) from oadb.key_canaries").fetchone() == (0,)


def test_another_key_ring_is_a_finding_with_exit_code_3(ring: Ring, tmp_path: Path) -> None:
    with ring.open() as db:
        db.prove()
    other = Ring(ring.url, tmp_path / "other.json")
    key_rotation.new(other.path)
    done = other.oadb("status")

    assert (done.returncode, done.stderr) == (3, "")
    fingerprint = keyring_file.read(other.path).primary.fingerprint
    assert done.stdout.splitlines()[-1].startswith(
        f"FAIL keys: key 1 of the ring (fingerprint {fingerprint}) is not the key 1 "
    )


# Instruments ------------------------------------------------------------------------------------


def shown(url: str, *arguments: str) -> list[str]:
    done = oadb("instruments", "status", *arguments, url=url)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_brokers_without_a_load_are_said_to_have_none(oadb_database_url: str) -> None:
    none = "never loaded; see oadb instruments load"

    assert shown(oadb_database_url) == [f"no broker: {none}"]
    assert shown(oadb_database_url, "zerodha") == [f"zerodha: {none}"]


def test_the_last_load_is_shown_with_the_number_of_instruments(
    db: Database, oadb_database_url: str
) -> None:
    loads.load(db, "zerodha", [CALL, FUTURE], force=True)
    loads.load(db, "own", [replace(CALL, broker="own")], force=True)
    at = loads.get_status(db, "zerodha")
    assert at is not None
    assert at.loaded_at is not None

    lines = [" ".join(line.split()) for line in shown(oadb_database_url)]
    assert lines[0].startswith("own: loaded at ")
    assert lines[1:] == [
        "NFO 1 instruments",
        f"zerodha: loaded at {at.loaded_at:%Y-%m-%d %H:%M %Z}; not due",
        "NFO 2 instruments",
    ]
    assert len(shown(oadb_database_url, "own")) == 2


def test_a_failed_load_a_dead_one_and_one_that_is_due_are_told(
    db: Database, oadb_database_url: str
) -> None:
    loads.load(db, "zerodha", [CALL], force=True)
    with pytest.raises(LoadError):
        loads.load(db, "zerodha", [])
    (line, _) = shown(oadb_database_url, "zerodha")
    assert " failed (there are no rows; an empty set is never loaded), last loaded: 20" in line

    before = datetime.now(UTC) - timedelta(days=2)
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute(
            "update oadb.instrument_loads "
            "set started_at = %(at)s, ended_at = %(at)s, downloaded_at = %(at)s "
            "where outcome = 'loaded'",
            {"at": before},
        )
        connection.execute(
            "insert into oadb.instrument_loads (broker, source, started_at, outcome) "
            "values ('zerodha', 'x', now(), 'started')"
        )
    (line, exchange) = shown(oadb_database_url, "zerodha")
    assert "failed (its process died)" in line
    assert line.endswith("; a load is due")
    assert f"1 instruments, due: downloaded at {before:%Y-%m-%d %H:%M}" in exchange
