"""oadb keys: a ring is made, grows, rotates, and retires a key that no row needs."""

import json
import re
import stat
from pathlib import Path

import psycopg
import pytest

from oadb import Secret
from oadb.accounts import sessions, users
from oadb.errors import ConfigError, KeyRingError
from oadb.keys import proof, root_key_uses
from oadb.security import keyring_file
from oadb.tools import key_rotation as tool
from tests.support.accounts import account
from tests.support.rig import threads
from tests.support.rotating import (
    REWRAPPED,
    TABLES,
    Ring,
    rewrapped,
    with_secrets,
)
from tests.support.user_rows import insert

pytestmark = [
    pytest.mark.usefixtures("cheap_hashing"),
    pytest.mark.long("fills a database with secrets each time"),
]


def test_a_new_ring_has_one_key_and_is_private(ring: Ring) -> None:
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600
    assert [key.state for key in keyring_file.read(ring.path).keys.values()] == ["primary"]
    with pytest.raises(KeyRingError, match="exists already"):
        tool.new(ring.path)


def test_every_secret_works_before_during_and_after_a_rotation(ring: Ring) -> None:
    with ring.open() as db:
        asha = with_secrets(db)
    tool.add(ring.path)
    with ring.open() as db:
        assert all(asha.works(db)), "before the promotion"
        tool.promote(db, ring.path, 2)
    with ring.open() as db:
        assert all(asha.works(db)), "sealed under the old key, opened with the new ring"
        assert rewrapped(db, ring) == {
            "users": 1,
            "sessions": 1,
            "api_keys": 2,
            "broker_tokens": 1,
            "second_factors": 1,
            "smtp_settings": 1,
            "strategies": 2,
        }
        assert rewrapped(db, ring) == dict.fromkeys(REWRAPPED, 0)
        assert {use.key_id for use in root_key_uses.list_uses(db)} == {2}
        tool.retire(db, ring.path, 1)
    with ring.open() as db:
        assert all(asha.works(db)), "without the old key"
    assert keyring_file.read(ring.path).keys[1].state == "retired"


def test_a_key_is_not_retired_while_a_row_needs_it(ring: Ring) -> None:
    with ring.open() as db:
        with_secrets(db)
    tool.add(ring.path)
    with ring.open() as db:
        tool.promote(db, ring.path, 2)
        before = ring.path.read_text()
        with pytest.raises(KeyRingError, match="key 1 is still needed by rows of "):
            tool.retire(db, ring.path, 1)

        assert ring.path.read_text() == before
        assert [canary.key_id for canary in proof.list_canaries(db)] == [1, 2]


def test_neither_the_primary_key_nor_an_unknown_one_is_retired(ring: Ring) -> None:
    with ring.open() as db:
        with pytest.raises(KeyRingError, match="key 1 is primary; promote another one first"):
            tool.retire(db, ring.path, 1)
        with pytest.raises(KeyRingError, match="key 7 is not in the ring"):
            tool.retire(db, ring.path, 7)


def test_an_interrupted_promotion_can_be_repeated(
    ring: Ring, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool.add(ring.path)
    with ring.open() as db:
        proof.prove(db)
        with monkeypatch.context() as patch:
            patch.setattr(keyring_file, "write", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                tool.promote(db, ring.path, 2)
        assert keyring_file.read(ring.path).primary.key_id == 1
        tool.promote(db, ring.path, 2)

    assert keyring_file.read(ring.path).primary.key_id == 2


def test_the_number_of_a_retired_key_is_not_reused(ring: Ring) -> None:
    tool.add(ring.path)
    with ring.open() as db:
        proof.prove(db)
        tool.promote(db, ring.path, 2)
        tool.retire(db, ring.path, 1)

    assert tool.add(ring.path).key_id == 3


def test_keys_added_at_the_same_time_are_all_kept(ring: Ring) -> None:
    with threads(8) as pool:
        added = list(pool.map(lambda _: tool.add(ring.path).key_id, range(16)))

    assert sorted(added) == [*range(2, 18)]
    assert len(keyring_file.read(ring.path).keys) == 17


def test_a_ring_in_a_missing_folder_is_refused(tmp_path: Path) -> None:
    for work in (tool.add, tool.new):
        with pytest.raises(KeyRingError, match="No such file or directory"):
            work(tmp_path / "none" / "ring.json")


def test_a_ring_in_the_environment_cannot_be_changed() -> None:
    with pytest.raises(ConfigError, match="OADB_KEYRING_FILE is not set"):
        tool.ring_path({"OADB_KEYRING": "{}"})


def test_each_command_says_what_to_do_next(ring: Ring) -> None:
    with ring.open() as db:
        with_secrets(db)

    said = [ring.oadb(*step.split()) for step in ("add", "promote 2", "rewrap", "retire 1")]
    verified = ring.oadb("verify")

    assert [(done.returncode, done.stderr) for done in [*said, verified]] == [(0, "")] * 5
    assert "process and restart it, then: oadb keys promote 2" in said[0].stdout
    assert "restart it, then: oadb keys rewrap" in said[1].stdout
    assert "api_keys                2 rows" in said[2].stdout
    assert "key 1 retired" in verified.stdout
    assert "key 2 primary" in verified.stdout
    assert "the key ring fits the database" in verified.stdout


def test_no_command_shows_a_root_key(ring: Ring) -> None:
    said = "".join(
        done.stdout + done.stderr
        for done in map(ring.oadb, ("verify", "add", "new", "promote", "rewrap", "retire"))
    )
    roots = [key["root"] for key in json.loads(ring.path.read_text())["keys"].values()]

    assert len(roots) == 2
    assert not any(root in said for root in roots)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["retire", "1"], "oadb: key 1 is primary; promote another one first\n"),
        (["promote", "7"], "oadb: key 7 is not in the ring\n"),
    ],
    ids=["retire the primary", "promote an unknown one"],
)
def test_an_error_is_one_line(ring: Ring, arguments: list[str], message: str) -> None:
    done = ring.oadb(*arguments)

    assert (done.returncode, done.stderr) == (1, message)


DAMAGED = (1000, 1001)


def with_damage(url: str) -> None:
    """Give two users, and the application, rows of key 1 that cannot be opened.

    Later users come behind them.
    """
    with psycopg.connect(url) as connection:
        for user_id in DAMAGED:
            for table in TABLES:
                connection.execute(insert(table, user_id).encode())
        connection.execute(
            "update oadb.users set password_hash = second_factors.secret "
            "from oadb.second_factors where second_factors.user_id = users.user_id "
            "and users.user_id >= 1000"
        )
        connection.execute(
            "update oadb.smtp_settings set password = second_factors.secret "
            "from oadb.second_factors where second_factors.user_id = 1000"
        )
        connection.execute("alter table oadb.users alter column user_id restart with 2000")


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_a_rewrap_continues_after_damaged_rows_and_reports_them(
    ring: Ring, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr(tool, "BATCH", batch)
    with ring.open() as db:
        with_secrets(db)
        with_damage(ring.url)
        late = users.create(db, "late", "late@example.in").user_id
        users.set_password(db, late, Secret("battery staple"))
        tokens = [sessions.create(db, account(db, late)).token for _ in range(3)]
    tool.add(ring.path)
    with ring.open() as db:
        tool.promote(db, ring.path, 2)
    with ring.open() as db:
        seen: list[int] = []
        reports = [*tool.rewrap(db, keyring_file.read(ring.path), seen.append)]

        assert {each.table: each.rows for each in reports} == {
            "users": 2,
            "sessions": 4,
            "api_keys": 2,
            "broker_tokens": 1,
            "second_factors": 1,
            "smtp_settings": 0,
            "strategies": 2,
        }
        assert [tuple(row[0] for row in each.damaged) for each in reports] == [
            *[DAMAGED] * 5,
            (1,),
            DAMAGED,
        ]
        assert sum(seen) == 12 + 6 * len(DAMAGED) + 1, "each row is read once"
        assert all(sessions.verify(db, token) for token in tokens)
        left = {
            (use.table_name, use.uses) for use in root_key_uses.list_uses(db) if use.key_id == 1
        }
        assert left == {(each.table, len(each.damaged)) for each in reports}
        with pytest.raises(KeyRingError, match="key 1 is still needed by rows of "):
            tool.retire(db, ring.path, 1)


def test_the_command_lists_damaged_rows_without_their_content(ring: Ring) -> None:
    with ring.open() as db:
        with_secrets(db)
    with_damage(ring.url)
    ring.oadb("add")
    ring.oadb("promote", "2")
    done = ring.oadb("rewrap")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("oadb: 13 rows are damaged")
    assert "users                   1 rows" in done.stdout
    lines = done.stdout.partition("cannot be opened")[2].splitlines()[1:]
    assert lines[:2] == ["users 1000", "users 1001"]
    assert re.fullmatch(r"sessions 1000, [0-9a-f-]{36}", lines[2])
    assert lines[6:11] == [
        "broker_tokens 1000, zerodha",
        "broker_tokens 1001, zerodha",
        "second_factors 1000",
        "second_factors 1001",
        "smtp_settings 1",
    ]
    assert re.fullmatch(r"strategies 1000, [0-9a-f-]{36}", lines[11])
    assert len(lines) == 13
    assert bytes(28).hex() not in done.stdout + done.stderr
