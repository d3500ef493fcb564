"""oadb users: create, reset-password, disable, enable, unlock; no password is shown."""

import subprocess

import pytest

from oadb import Database, Secret
from oadb.accounts import login_attempts, sessions, users
from tests.conftest import RING
from tests.support.accounts import account
from tests.support.command_line import oadb
from tests.support.lockouts import lockout
from tests.support.rig import Observer
from tests.support.terminals import on_terminal

pytestmark = pytest.mark.usefixtures("cheap_hashing")

PASSWORD = "correct horse battery"


def run(
    url: str, *arguments: str, stdin: str = f"{PASSWORD}\n"
) -> subprocess.CompletedProcess[str]:
    done = oadb("users", *arguments, url=url, stdin=stdin, OADB_KEYRING=RING.to_json())
    assert PASSWORD not in done.stdout + done.stderr
    return done


def verified(db: Database, username: str, password: str = PASSWORD) -> bool:
    return users.verify_password(db, username, Secret(password)) is not None


def test_a_created_user_can_sign_in(db: Database, oadb_database_url: str) -> None:
    done = run(oadb_database_url, "create", "asha", "asha@example.in")

    asha = users.find_by_username(db, "asha")
    assert asha is not None
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"created user asha with id {asha.user_id}\n"
    assert (asha.email, asha.is_admin) == ("asha@example.in", False)
    assert verified(db, "asha")


def test_an_administrator_is_created_by_an_option(db: Database, oadb_database_url: str) -> None:
    done = run(oadb_database_url, "create", "asha", "asha@example.in", "--admin")

    asha = users.find_by_username(db, "asha")
    assert done.stdout.startswith("created administrator asha with id ")
    assert asha is not None
    assert asha.is_admin


@pytest.mark.long("starts commands on a terminal")
def test_on_a_terminal_the_password_is_asked_for_twice_without_echo(
    db: Database, oadb_database_url: str
) -> None:
    def ask(again: str) -> tuple[int, str]:
        return on_terminal(
            *("users", "create", "asha", "asha@example.in"),
            answers=[("New password: ", PASSWORD), ("The same again: ", again)],
            DATABASE_URL=oadb_database_url,
            OADB_KEYRING=RING.to_json(),
        )

    code, shown = ask("something else")
    assert code == 1
    assert "oadb: the two passwords differ; nothing was changed" in shown
    assert users.count(db) == 0
    code, more = ask(PASSWORD)
    assert code == 0, more
    assert verified(db, "asha")
    assert PASSWORD not in shown + more


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "message"),
    [
        (("create", "RAVI", "new@example.in"), None, 1, "another user has this USERNAME"),
        (("create", "new", "Ravi@example.in"), None, 1, "another user has this EMAIL"),
        (("create", "no spaces", "new@example.in"), None, 1, "USERNAME must be 1 to 80 letters"),
        (
            ("create", "new", "x" * 300),
            None,
            1,
            "EMAIL must be an address with one @ and no spaces",
        ),
        (("create", "new", "new@example.in"), "short\n", 1, "a password must be text of 8 to"),
        (("create", "new", "new@example.in"), "", 2, "no password: write it to standard input"),
        (("create", "new", "new@example.in"), "\n", 2, "no password: write it to standard input"),
        (("reset-password", "nobody"), None, 1, "USERNAME: there is no such user"),
        (("reset-password", "ravi"), "short\n", 1, "a password must be text of 8 to 1024"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_written(
    db: Database,
    oadb_database_url: str,
    arguments: tuple[str, ...],
    stdin: str | None,
    code: int,
    message: str,
) -> None:
    ravi = users.create(db, "ravi", "ravi@example.in")
    done = run(oadb_database_url, *arguments, stdin=f"{PASSWORD}\n" if stdin is None else stdin)

    assert (done.returncode, done.stdout) == (code, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"oadb: {message}")
    assert users.list_all(db).rows == [ravi]
    assert not verified(db, "ravi")


def test_a_password_is_not_an_argument(oadb_database_url: str) -> None:
    assert run(oadb_database_url, "reset-password", "asha", "x").returncode == 2
    assert run(oadb_database_url, "create", "asha", "a@example.in", "x").returncode == 2


def test_a_new_password_ends_the_sessions(db: Database, oadb_database_url: str) -> None:
    asha = users.create(db, "asha", "asha@example.in")
    users.set_password(db, asha.user_id, Secret("an old password"))
    session = sessions.create(db, account(db, asha.user_id)).token
    done = run(oadb_database_url, "reset-password", "Asha")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "set the password of asha, whose sessions have ended\n"
    assert verified(db, "asha")
    assert not verified(db, "asha", "an old password")
    assert not sessions.verify(db, session)


def test_a_user_is_disabled_and_enabled(db: Database, oadb_database_url: str) -> None:
    user = users.create(db, "asha", "asha@example.in")
    session = sessions.create(db, account(db, user.user_id)).token

    assert run(oadb_database_url, "enable", "asha").stdout == "asha is not disabled\n"
    assert run(oadb_database_url, "disable", "ASHA").stdout == "disabled asha\n"
    assert not sessions.verify(db, session)
    assert run(oadb_database_url, "disable", "asha").stdout == "asha was disabled before\n"
    assert run(oadb_database_url, "enable", "asha").stdout == "enabled asha\n"
    unknown = run(oadb_database_url, "disable", "ravi")
    assert (unknown.returncode, "there is no such user" in unknown.stderr) == (1, True)


def test_an_account_is_unlocked(db: Database, oadb_database_url: str) -> None:
    observer = Observer(oadb_database_url)
    users.create(db, "asha", "asha@example.in")
    login_attempts.sign_in(db, "asha", Secret("wrong password"), ip="203.0.113.7")
    assert lockout(observer, "asha") is not None

    done = run(oadb_database_url, "unlock", "ASHA")
    assert (done.returncode, done.stdout) == (0, "unlocked ASHA\n")
    assert lockout(observer, "asha") is None
    assert run(oadb_database_url, "unlock", "nobody").stdout == (
        "no failed sign-ins of nobody are counted; nothing to unlock\n"
    )
