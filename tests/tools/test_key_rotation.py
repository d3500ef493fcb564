"""oadb keys: a ring is made, grows, rotates, and loses a key only when nothing needs it."""

import json
import re
import stat
import subprocess
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, time

import argon2
import psycopg
import pytest
from psycopg.errors import ForeignKeyViolation
from pyotp.totp import TOTP

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, broker_tokens, second_factors, sessions, users
from oadb.accounts.api_keys import VerifiedKey
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ConfigError, KeyRingError
from oadb.keys import proof
from oadb.security import keyring_file, vault
from oadb.security.passwords import Passwords
from oadb.security.refusals import Refusal
from oadb.settings import smtp_settings
from oadb.tools import key_rotation as tool
from oadb.trading import chartink, strategies, webhooks
from oadb.trading.strategies import Strategy
from tests.support import command_line
from tests.support.accounts import account
from tests.support.rig import threads
from tests.support.user_rows import insert

TABLES = ("users", "sessions", "api_keys", "broker_tokens", "second_factors", "strategies")
REWRAPPED = (*TABLES[:-1], "smtp_settings", "strategies")


@pytest.fixture(autouse=True)
def _cheap_hashing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(users, "passwords", Passwords(argon2.profiles.CHEAPEST))


@dataclass
class Ring:
    """A key ring in a file, and databases opened with what the file says at that moment."""

    url: str
    path: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.url, "OADB_KEYRING_FILE": str(self.path)}

    def open(self) -> Database:
        return Database(Config.from_env(self.environment))

    def oadb(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return command_line.oadb("keys", *arguments, url=self.url, OADB_KEYRING_FILE=str(self.path))


@pytest.fixture
def ring(oadb_database_url: str, tmp_path: Path) -> Ring:
    path = tmp_path / "ring.json"
    tool.new(path)
    return Ring(oadb_database_url, path)


@dataclass
class Asha:
    """Somebody with a secret of every kind, and a look at whether each still works."""

    user_id: int
    works: Callable[[Database], list[bool]]


def with_secrets(db: Database) -> Asha:
    user = users.create(db, "asha", "asha@example.in").user_id
    password, access = Secret("correct horse"), Secret("what the broker gave")
    users.set_password(db, user, password)
    session = sessions.create(db, account(db, user)).token
    kept = api_keys.issue(db, user, "kept", order_mode="auto", keep=True)
    shown = api_keys.issue(db, user, "shown", order_mode="auto").token
    broker_tokens.put(db, user, "zerodha", Tokens(access, parameters={"pin": password}))
    smtp_settings.set_account(db, changed_by=user, password=password)
    alert = strategies.create(db, user, "strategy").webhook
    scan = chartink.create(db, user, "scan").webhook
    factor = second_factors.enroll(db, user, "asha")
    assert factor is not None
    generator = TOTP(factor.secret.reveal())
    # A code is accepted once: each look shows the next one.
    steps = iter((-30, 0, 30))

    def works(db: Database) -> list[bool]:
        token = broker_tokens.get(db, user, "zerodha")
        return [
            users.verify_password(db, "asha", password) is not None,
            sessions.find(db, session) is not None,
            isinstance(api_keys.verify(db, kept.token), VerifiedKey),
            isinstance(api_keys.verify(db, shown), VerifiedKey),
            api_keys.reveal(db, user, kept.key.api_key_id) == kept.token,
            isinstance(token, BrokerToken) and token.tokens.access == access,
            isinstance(token, BrokerToken) and token.tokens.parameters == {"pin": password},
            isinstance(strategies.find_by_webhook(db, alert), Strategy),
            isinstance(chartink.find_by_webhook(db, scan), Strategy),
            second_factors.verify(db, user, Secret(generator.at(time() + next(steps)))),
            smtp_settings.get_account(db).password == password,
        ]

    return Asha(user, works)


def rewrapped(db: Database, ring: Ring) -> dict[str, int]:
    reports = tool.rewrap(db, keyring_file.read(ring.path), lambda _: None)
    return {report.table: report.rows for report in reports}


def test_a_new_ring_has_one_key_and_is_private(ring: Ring) -> None:
    assert stat.S_IMODE(ring.path.stat().st_mode) == 0o600
    assert [key.state for key in keyring_file.read(ring.path).keys.values()] == ["primary"]
    with pytest.raises(KeyRingError, match="exists already"):
        tool.new(ring.path)


def test_keys_rotate_and_every_secret_goes_on_working(ring: Ring) -> None:
    with ring.open() as db:
        asha = with_secrets(db)
    tool.add(ring.path)
    with ring.open() as db:
        assert all(asha.works(db)), "before the promotion"
        tool.promote(db, ring.path, 2)
    with ring.open() as db:
        assert all(asha.works(db)), "sealed under the old key, opened with the new ring"
        assert rewrapped(db, ring) == {
            "users": 1, "sessions": 1, "api_keys": 2, "broker_tokens": 1, "second_factors": 1,
            "smtp_settings": 1, "strategies": 2,
        }  # fmt: skip
        assert rewrapped(db, ring) == dict.fromkeys(REWRAPPED, 0)
        assert {use.key_id for use in proof.list_uses(db)} == {2}
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


@pytest.fixture
def retired(ring: Ring) -> Generator[tuple[Database, Asha]]:
    """Give a process that has both keys and still seals with the first, which is retired by now."""
    with ring.open() as db:
        asha = with_secrets(db)
    tool.add(ring.path)
    with ring.open() as late:
        proof.prove(late)
        tool.promote(late, ring.path, 2)
        with ring.open() as db:
            rewrapped(db, ring)
            tool.retire(db, ring.path, 1)
        yield late, asha


SEALING: dict[str, Callable[[Database, users.User], object]] = {
    "users": lambda db, asha: users.set_password(db, asha.user_id, Secret("battery staple")),
    "sessions": sessions.create,
    "api_keys": lambda db, asha: api_keys.issue(db, asha.user_id, "new", order_mode="auto"),
    "api_keys.rotate": lambda db, asha: api_keys.rotate(
        db, asha.user_id, api_keys.list_by_user(db, asha.user_id)[0].api_key_id
    ),
    "broker_tokens": lambda db, asha: broker_tokens.put(
        db, asha.user_id, "angel", Tokens(Secret("new"))
    ),
    "second_factors": lambda db, asha: second_factors.enroll(db, asha.user_id, "asha"),
    "smtp_settings": lambda db, asha: smtp_settings.set_account(
        db, changed_by=asha.user_id, password=Secret("new")
    ),
    "strategies": lambda db, asha: strategies.create(db, asha.user_id, "new"),
    "chartink": lambda db, asha: chartink.create(db, asha.user_id, "new"),
    "webhooks": lambda db, asha: webhooks.rotate(
        db, asha.user_id, strategies.list_by_user(db, asha.user_id)[0].strategy_id
    ),
}


@pytest.mark.parametrize("kind", SEALING)
def test_a_process_with_the_old_ring_cannot_seal_under_a_retired_key(
    retired: tuple[Database, Asha], kind: str
) -> None:
    late, asha = retired
    before = proof.list_uses(late)
    user = account(late, asha.user_id)
    with pytest.raises(KeyRingError, match="key 1, which this process seals with") as refused:
        SEALING[kind](late, user)
    with pytest.raises(KeyRingError, match="current key ring"), late.transaction() as tx:
        SEALING[kind](tx, user)  # type: ignore[arg-type]

    assert refused.value.__context__ is None
    assert proof.list_uses(late) == before


def test_a_violation_that_is_none_of_a_key_stays_what_it_is(ring: Ring) -> None:
    with ring.open() as db, pytest.raises(ForeignKeyViolation) as refused:
        api_keys.issue(db, 7, "new", order_mode="auto")

    assert refused.value.diag.constraint_name == "api_keys_user_id_fkey"


def test_a_right_password_that_cannot_be_hashed_again_under_a_retired_key_is_right(
    retired: tuple[Database, Asha], monkeypatch: pytest.MonkeyPatch
) -> None:
    late, asha = retired
    stronger = argon2.Parameters(argon2.Type.ID, 19, 16, 32, 2, 8, 1)
    monkeypatch.setattr(users, "passwords", Passwords(stronger))

    user = users.verify_password(late, "asha", Secret("correct horse"))
    assert user is not None
    assert user.user_id == asha.user_id


# Unknown, or for want of a key -----------------------------------------------------------------


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Give a function that moves the clock on by which a proof of the ring grows old."""
    moved = [0.0]
    monkeypatch.setattr(vault, "monotonic", lambda: monotonic() + moved[0])

    def move(seconds: float) -> None:
        moved[0] += seconds

    return move


def test_what_is_under_a_key_that_the_process_lacks_is_not_called_unknown(
    ring: Ring, later: Callable[[float], None]
) -> None:
    with ring.open() as late:
        asha = with_secrets(late)
        session = sessions.create(late, account(late, asha.user_id)).token
        key = api_keys.issue(late, asha.user_id, "new", order_mode="auto").token
        tool.add(ring.path)
        with ring.open() as db:
            tool.promote(db, ring.path, 2)
        with ring.open() as db:
            rewrapped(db, ring)
            later(11)
            assert sessions.find(db, session) is not None
            assert api_keys.verify(db, api_keys.TOKEN.new()) is Refusal.UNKNOWN
        for _ in range(2):
            with pytest.raises(KeyRingError, match="key 2, which the ring lacks; restart this pr"):
                sessions.find(late, session)
            with pytest.raises(KeyRingError, match="key 2, which the ring lacks; restart this pr"):
                api_keys.verify(late, key)
            with pytest.raises(KeyRingError), late.transaction() as tx:
                api_keys.verify(tx, key)


def test_a_miss_looks_at_the_keys_of_the_database_at_most_every_ten_seconds_and_a_hit_never(
    ring: Ring, later: Callable[[float], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[object] = []
    list_canaries = proof.list_canaries

    def counted(db: AsyncExecutor) -> object:
        looks.append(db)
        return list_canaries(db)

    with ring.open() as db:
        asha = with_secrets(db)
        key = api_keys.issue(db, asha.user_id, "new", order_mode="auto").token
        monkeypatch.setattr(proof, "list_canaries", counted)
        for seconds, expected in ((9, 0), (2, 1), (9, 1), (2, 2)):
            later(seconds)
            assert isinstance(api_keys.verify(db, key), VerifiedKey)
            for _ in range(3):
                assert api_keys.verify(db, api_keys.TOKEN.new()) is Refusal.UNKNOWN
                assert sessions.find(db, sessions.TOKEN.new()) is None
            assert len(looks) == expected


def test_neither_the_primary_key_nor_an_unknown_one_is_retired(ring: Ring) -> None:
    with ring.open() as db:
        with pytest.raises(KeyRingError, match="key 1 is primary; promote another one first"):
            tool.retire(db, ring.path, 1)
        with pytest.raises(KeyRingError, match="key 7 is not in the ring"):
            tool.retire(db, ring.path, 7)


def test_a_promotion_that_was_interrupted_is_done_again(
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


def test_a_number_of_a_key_is_never_used_again(ring: Ring) -> None:
    tool.add(ring.path)
    with ring.open() as db:
        proof.prove(db)
        tool.promote(db, ring.path, 2)
        tool.retire(db, ring.path, 1)

    assert tool.add(ring.path).key_id == 3


def test_keys_added_at_once_are_all_there(ring: Ring) -> None:
    with threads(8) as pool:
        added = list(pool.map(lambda _: tool.add(ring.path).key_id, range(16)))

    assert sorted(added) == [*range(2, 18)]
    assert len(keyring_file.read(ring.path).keys) == 17


def test_a_ring_in_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    for work in (tool.add, tool.new):
        with pytest.raises(KeyRingError, match="No such file or directory"):
            work(tmp_path / "none" / "ring.json")


def test_a_ring_in_the_environment_cannot_be_changed() -> None:
    with pytest.raises(ConfigError, match="OADB_KEYRING_FILE is not set"):
        tool.ring_path({"OADB_KEYRING": "{}"})


def test_the_command_line_rotates_and_says_what_is_next(ring: Ring) -> None:
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


def test_no_command_shows_a_root(ring: Ring) -> None:
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
def test_a_refusal_is_one_line(ring: Ring, arguments: list[str], message: str) -> None:
    done = ring.oadb(*arguments)

    assert (done.returncode, done.stderr) == (1, message)


# Damaged rows ----------------------------------------------------------------------------------

DAMAGED = (1000, 1001)


def with_damage(url: str) -> None:
    """Give two users, and the application, rows of key 1 that do not open.

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
def test_a_rewrap_goes_on_behind_damaged_rows_and_names_them(
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
            "users": 2, "sessions": 4, "api_keys": 2, "broker_tokens": 1, "second_factors": 1,
            "smtp_settings": 0, "strategies": 2,
        }  # fmt: skip
        assert [tuple(row[0] for row in each.damaged) for each in reports] == [
            *[DAMAGED] * 5, (1,), DAMAGED,
        ]  # fmt: skip
        assert sum(seen) == 12 + 6 * len(DAMAGED) + 1, "each row is read once"
        assert all(sessions.find(db, token) for token in tokens)
        left = {(use.table_name, use.uses) for use in proof.list_uses(db) if use.key_id == 1}
        assert left == {(each.table, len(each.damaged)) for each in reports}
        with pytest.raises(KeyRingError, match="key 1 is still needed by rows of "):
            tool.retire(db, ring.path, 1)


def test_the_command_line_lists_damaged_rows_without_their_content(ring: Ring) -> None:
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
        "broker_tokens 1000, zerodha", "broker_tokens 1001, zerodha",
        "second_factors 1000", "second_factors 1001", "smtp_settings 1",
    ]  # fmt: skip
    assert re.fullmatch(r"strategies 1000, [0-9a-f-]{36}", lines[11])
    assert len(lines) == 13
    assert bytes(28).hex() not in done.stdout + done.stderr
