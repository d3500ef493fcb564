"""Dry runs: each command says what it would do, and neither tables nor files change."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import argon2
import psycopg
import pytest
from psycopg import sql

from oadb import Secret
from oadb.accounts import login_attempts, sealed_passwords
from oadb.bans import ip_bans
from oadb.security.passwords import Passwords
from oadb.testing.servers import Server
from oadb.tools import audit_chain, key_rotation
from tests.support.command_line import oadb
from tests.support.command_pages import commands
from tests.support.log_rows import LONG_AGO, insert, partitions_of
from tests.support.rotating import Ring, with_secrets

HEADING = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
)
ROW = "256265,1001,RELIANCE,RELIANCE INDUSTRIES,0.0,,0.0,0.1,1,EQ,NSE,NSE\n"
BANNED = "203.0.113.7"


@dataclass(frozen=True, slots=True)
class Scene:
    """A database and a folder in which every command has something to do."""

    ring: Ring
    folder: Path

    def run(self, *arguments: str, code: int = 0) -> str:
        done = oadb(
            *arguments,
            "--dry-run",
            url=self.ring.url,
            stdin="another password\n",
            OADB_KEYRING_FILE=str(self.ring.path),
        )
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    def digest(self) -> dict[str, str]:
        """Return a hash of each table and each file."""
        files = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        return {
            **{name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
            **self._tables(),
        }

    def _tables(self) -> dict[str, str]:
        found: dict[str, str] = {}
        with psycopg.connect(self.ring.url) as connection:
            names = connection.execute(
                "select schemaname, tablename from pg_tables where schemaname in ('oadb', 'public')"
            ).fetchall()
            for schema, table in names:
                question = sql.SQL(
                    "select md5(string_agg(t::text, ' ' order by t::text)) from {} t"
                )
                row = connection.execute(question.format(sql.Identifier(schema, table))).fetchone()
                found[f"{schema}.{table}"] = str(row)
        return found


@pytest.fixture(scope="module")
def scene(
    oadb_server: Server, oadb_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    """Give a scene for all tests of the module, which change nothing in it."""
    folder = tmp_path_factory.mktemp("scene")
    (folder / "kite.csv").write_text(HEADING + ROW)
    with oadb_server.clone(oadb_template) as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_passwords, "passwords", Passwords(argon2.profiles.CHEAPEST))
        ring = Ring(url, folder / "ring.json")
        key_rotation.new(ring.path)
        _fill(ring)
        yield Scene(ring, folder)


def _fill(ring: Ring) -> None:
    with ring.open() as db:
        audit_chain.link(db)
        with_secrets(db)
        login_attempts.sign_in(db, "asha", Secret("wrong password"), ip="203.0.113.9")
        ip_bans.ban(db, BANNED, "guessing", by=None)
        ip_bans.ban(db, "203.0.113.8", "long ago", duration=timedelta(hours=1), by=None)
    for command in (("add",), ("promote", "2"), ("add",)):
        assert ring.oadb(*command).returncode == 0
    insert(ring.url, "traffic", LONG_AGO, LONG_AGO)
    newest = partitions_of(ring.url, "latency")[-1]
    with psycopg.connect(ring.url) as connection:
        connection.execute("call oadb.drop_log_partition('latency', %s, '1 s')", [newest])
        connection.execute(
            "update oadb.ip_bans set banned_at = '2020-01-01', expires_at = '2020-01-02' "
            "where network = '203.0.113.8'"
        )


EVENTS = 15
"""Security events of ``_fill``; those of the migrations are linked before."""

EXPECTED = {
    "migrate": ((), "nothing to apply\n"),
    "migrate rollback": ((), "would roll back "),
    "maintain": ((), "ok   latency: would make latency_"),
    "instruments load": (
        ("{folder}/kite.csv", "--broker", "zerodha", "--allow-missing"),
        "1 of 1 rows accepted (1 new, 0 changed, 0 gone), 0 rejected, 0 duplicates\n",
    ),
    "keys new": (("{folder}/new.json",), "would create {folder}/new.json with key 1\n"),
    "keys add": ((), "would add key 4 to {folder}/ring.json\n"),
    "keys promote": (("3",), "would make key 3 primary instead of key 2\n"),
    "keys rewrap": ((), "would seal 9 rows under key 2\n"),
    "keys retire": (("3",), "would retire key 3, which no row needs\n"),
    "new package": (("library", "--folder", "{folder}/made"), "would create {folder}/made/"),
    "new service": (("{folder}/made",), "would create {folder}/made/"),
    "users create": (("ravi", "ravi@example.in", "--admin"), "would create administrator ravi\n"),
    "users reset-password": (("asha",), "would set the password of asha\n"),
    "users disable": (("asha",), "would disable asha\n"),
    "users enable": (("asha",), "asha is not disabled\n"),
    "users unlock": (("asha",), "would unlock asha\n"),
    "bans add": (("203.0.113.5", "--reason", "x"), "would ban 203.0.113.5 until "),
    "audit link": ((), f"would link {EVENTS} events\n"),
    "bans remove": ((BANNED,), f"would remove the ban of {BANNED}\n"),
}
# Beside a database that other commands refuse, or a source of its own.
ELSEWHERE = {"distribute", "import-openalgo", "migrate accept"}


def test_every_command_with_a_dry_run_is_tested() -> None:
    writing = {
        " ".join(name)
        for name, command in commands()
        if "--dry-run" in {word for p in command.params for word in (*p.opts, *p.secondary_opts)}
    }

    assert writing == EXPECTED.keys() | ELSEWHERE


@pytest.mark.long("runs every command that has a dry run")
@pytest.mark.parametrize("name", EXPECTED)
def test_a_dry_run_says_what_would_be_done_and_changes_nothing(scene: Scene, name: str) -> None:
    arguments, expected = EXPECTED[name]
    before = scene.digest()
    shown = scene.run(*name.split(), *(each.format(folder=scene.folder) for each in arguments))

    assert shown.startswith(expected.format(folder=scene.folder))
    assert scene.digest() == before


def test_a_dry_run_of_a_load_shows_its_whole_report(scene: Scene) -> None:
    with (scene.folder / "kite.csv").open("a") as file:
        file.write(ROW.replace("NSE", "BSE"))
    load = ("instruments", "load", f"{scene.folder}/kite.csv", "--broker", "zerodha")
    shown = scene.run(*load, "--allow-missing").splitlines()

    assert shown[1:] == [
        "  BSE                  0 before         1 after",
        "  NSE                  0 before         1 after",
        "  BSE          EQ                1 new         0 changed         0 gone",
        "  NSE          EQ                1 new         0 changed         0 gone",
        "dry run, nothing was changed",
    ]
    missing = "the file has no instruments of BFO, BSE_INDEX, CDS, MCX, NFO, NSE_INDEX, as"
    assert scene.run(*load, code=1).startswith(f"oadb: the load would be refused: {missing}")
    forced = scene.run(*load, "--force").splitlines()
    assert forced[-2].startswith(f"  would be forced, although {missing}")
    assert forced[:2] + forced[-1:] == shown[:2] + shown[-1:]


def test_a_dry_run_of_maintenance_lists_each_kind_of_work(scene: Scene) -> None:
    lines = scene.run("maintain").splitlines()

    assert lines[0].startswith("ok   latency: would make latency_")
    assert lines[1:] == [
        "ok   traffic: would move 2 rows out of traffic_default",
        "ok   ip_bans: would delete 1 rows",
        f"ok   security_events: would link {EVENTS} events",
    ]


def test_a_dry_run_of_maintenance_without_work_says_so(oadb_database_url: str) -> None:
    assert oadb("audit", "link", url=oadb_database_url).returncode == 0  # migrations wrote events
    done = oadb("maintain", "--dry-run", url=oadb_database_url)

    assert (done.returncode, done.stdout) == (0, "nothing to do\n")


@pytest.mark.long("runs every command that has a dry run")
@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("keys", "new", "{folder}/ring.json"), 1, "{folder}/ring.json exists already"),
        (("keys", "promote", "9"), 1, "key 9 is not in the ring"),
        (("keys", "retire", "1"), 1, "key 1 is still needed by rows of "),
        (("keys", "retire", "2"), 1, "key 2 is primary"),
        (("users", "create", "asha", "new@example.in"), 1, "another user has this USERNAME"),
        (("users", "reset-password", "nobody"), 1, "USERNAME: there is no such user"),
        (("bans", "add", "127.0.0.1", "--reason", "x"), 1, "IP 127.0.0.1 is not banned: "),
        (("instruments", "load", "/nowhere", "--broker", "zerodha"), 1, "cannot read /nowhere"),
        (("maintain", "--every", "60s"), 2, "--dry-run shows one run; give it without --every"),
    ],
)
def test_a_dry_run_fails_where_the_command_would(
    scene: Scene, arguments: tuple[str, ...], code: int, message: str
) -> None:
    before = scene.digest()
    error = scene.run(*(each.format(folder=scene.folder) for each in arguments), code=code)

    assert error.startswith(f"oadb: {message}".format(folder=scene.folder))
    assert scene.digest() == before
