"""The command: without --apply it changes nothing, and nothing that it says is a secret."""

import subprocess

import pytest

from oadb import Database
from oadb.accounts import users
from tests.conftest import RING
from tests.importing.openalgo import PEPPER, SALT, SECRETS, TOTP, Installation, cipher, hashed
from tests.support.command_line import oadb


@pytest.fixture(autouse=True)
def _no_pepper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY_PEPPER", raising=False)


def bring_over(url: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"OADB_KEYRING": RING.to_json(), **environ}
    return oadb("import-openalgo", *arguments, url=url, **environ)


def test_an_installation_is_shown_and_then_brought_over(
    db: Database, there: Installation, oadb_database_url: str
) -> None:
    there.add_asha()
    there.add_asha(name="ravi", api_key="0" * 64)
    there.change("auth", 2, auth=cipher("canary", "another pepper of enough length.."))
    there.add_logs(2)
    there.script(
        "openalgo",
        """
        create table pending_orders (id integer primary key);
        create table flows (id integer primary key autoincrement);
        insert into flows values (1);
        """,
    )
    env = there.folder / ".env"
    env.write_text(f"# keys\nAPI_KEY_PEPPER = '{PEPPER}'\nFERNET_SALT=\"{SALT}\"\n\nLOG = 1 # x\n")
    given = ("--sqlite", str(there.folder), "--env-file", str(env))

    dry = bring_over(oadb_database_url, *given)
    assert (dry.returncode, users.count_all(db)) == (0, 0), dry.stderr
    applied = bring_over(oadb_database_url, *given, "--apply")
    assert (applied.returncode, users.count_all(db)) == (0, 2), applied.stderr
    again = bring_over(oadb_database_url, *given, "--apply")
    assert again.returncode == 0, again.stderr

    assert dry.stdout.splitlines()[-1] == "nothing was changed; --apply writes"
    assert dry.stdout.replace("to be written", "written").splitlines()[:-1] == (
        applied.stdout.splitlines()
    )
    lines = [" ".join(line.split()) for line in applied.stdout.splitlines()]
    assert lines[0] == "users 2 found 2 written 0 there already 0 left out"
    assert "1 left out: auth cannot be decrypted (id 2)" in lines
    assert lines[-2:] == [
        "not brought over, short-lived: active_sessions, pending_orders",
        "not brought over, no counterpart here: flows",
    ]
    assert "order_logs 0 found 0 written 2 there already 0 left out" in " ".join(
        again.stdout.split()
    )
    said = dry.stdout + dry.stderr + applied.stdout + applied.stderr
    assert [secret for secret in (*SECRETS, SALT, "canary") if secret in said] == []


@pytest.mark.usefixtures("db")
def test_an_env_file_is_read_as_openalgo_reads_it(
    there: Installation, oadb_database_url: str
) -> None:
    pepper = f"{PEPPER}#not a 'comment'"
    there.add(
        "users",
        {
            "username": "asha", "email": "asha@example.in", "password_hash": hashed("x", pepper),
            "totp_secret": cipher(TOTP, pepper),
        },
    )  # fmt: skip
    env = there.folder / ".env"
    quoted = pepper.replace("'", r"\'")
    for written in (f"{pepper} # a comment", f"'{quoted}'", f'"{pepper}" # a comment'):
        env.write_text(f"export API_KEY_PEPPER={written}\nFERNET_SALT={SALT}\n")
        done = bring_over(
            oadb_database_url, "--sqlite", str(there.path("openalgo")), "--env-file", str(env)
        )

        assert done.returncode == 0, done.stderr
        assert "second factor" not in done.stdout


def test_what_is_wrong_is_one_message(there: Installation, oadb_database_url: str) -> None:
    there.add_asha()
    folder = str(there.folder)
    wrong = {
        (): "oadb: nothing to read: give --sqlite or --postgresql",
        ("--sqlite", folder): "oadb: API_KEY_PEPPER is not set; take it from OpenAlgo's .env",
        ("--sqlite", folder, "--env-file", "none"): "oadb: cannot read none: No such file",
        ("--sqlite", "none.db"): "oadb: none.db: no such file\n",
    }
    for arguments, message in wrong.items():
        done = bring_over(oadb_database_url, *arguments)

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(message), done.stderr
        assert done.stderr.count("\n") == 1
