"""The command: without --apply it changes nothing, and its output has no secret."""

import json
import subprocess

import pytest

from oadb import Database
from oadb.accounts import api_keys, users
from tests.conftest import RING
from tests.importing.openalgo import PEPPER, SALT, SECRETS, TOTP, Installation, cipher, hashed
from tests.support.command_line import oadb


@pytest.fixture(autouse=True)
def _no_pepper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("API_KEY_PEPPER", raising=False)


def import_openalgo(url: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"OADB_KEYRING": RING.to_json(), **environ}
    return oadb("import-openalgo", *arguments, url=url, **environ)


def test_a_dry_run_and_the_import_report_the_same(
    db: Database, origin: Installation, oadb_database_url: str
) -> None:
    origin.add_asha()
    origin.add_asha(name="ravi", api_key="0" * 64)
    origin.change("auth", 2, auth=cipher("canary", "another pepper of enough length.."))
    origin.add_logs(2)
    origin.script(
        "openalgo",
        """
        create table flow_workflows (id integer primary key autoincrement);
        insert into flow_workflows values (1);
        """,
    )
    env = origin.folder / ".env"
    env.write_text(f"# keys\nAPI_KEY_PEPPER = '{PEPPER}'\nFERNET_SALT=\"{SALT}\"\n\nLOG = 1 # x\n")
    given = ("--sqlite", str(origin.folder), "--env-file", str(env))

    dry = import_openalgo(oadb_database_url, *given)
    assert (dry.returncode, users.count(db)) == (3, 0), dry.stderr
    applied = import_openalgo(oadb_database_url, *given, "--apply")
    assert (applied.returncode, users.count(db)) == (3, 2), applied.stderr
    again = import_openalgo(oadb_database_url, *given, "--apply")
    assert again.returncode == 3, again.stderr

    assert dry.stdout.splitlines()[-1] == "dry run, nothing was changed; --apply writes"
    assert dry.stdout.replace("to be written", "written").splitlines()[:-1] == (
        applied.stdout.splitlines()
    )
    lines = [" ".join(line.split()) for line in applied.stdout.splitlines()]
    assert lines[1] == "users 2 found 2 written 0 in oadb already 0 left out"
    assert "1 left out: auth cannot be decrypted (id 2)" in lines
    assert lines[-2:] == [
        "not imported, short-lived: active_sessions, 0 rows",
        "not imported, no counterpart in oadb: flow_workflows, 1 rows",
    ]
    assert "order_logs 0 found 0 written 2 in oadb already 0 left out" in " ".join(
        again.stdout.split()
    )
    output = dry.stdout + dry.stderr + applied.stdout + applied.stderr
    assert [secret for secret in (*SECRETS, SALT, "canary") if secret in output] == []


@pytest.mark.usefixtures("db")
def test_an_env_file_is_read_as_openalgo_reads_it(
    origin: Installation, oadb_database_url: str
) -> None:
    pepper = f"{PEPPER}#not a 'comment'"
    origin.add(
        "users",
        {
            "username": "asha",
            "email": "asha@example.in",
            "password_hash": hashed("x", pepper),
            "totp_secret": cipher(TOTP, pepper),
        },
    )
    env = origin.folder / ".env"
    quoted = pepper.replace("'", r"\'")
    for written in (f"{pepper} # a comment", f"'{quoted}'", f'"{pepper}" # a comment'):
        env.write_text(f"export API_KEY_PEPPER={written}\nFERNET_SALT={SALT}\n")
        done = import_openalgo(
            oadb_database_url, "--sqlite", str(origin.path("openalgo")), "--env-file", str(env)
        )

        assert done.returncode == 0, done.stderr
        assert "second factor" not in done.stdout


def test_an_error_is_one_line(origin: Installation, oadb_database_url: str) -> None:
    origin.add_asha()
    folder = str(origin.folder)
    wrong = {
        ("--sqlite", folder): "oadb: API_KEY_PEPPER is not set; take it from OpenAlgo's .env",
        ("--sqlite", folder, "--env-file", "none"): "oadb: cannot read none: No such file",
        ("--sqlite", "none.db"): "oadb: none.db: no such file\n",
    }
    for arguments, message in wrong.items():
        done = import_openalgo(oadb_database_url, *arguments)

        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(message), done.stderr
        assert done.stderr.count("\n") == 1


def test_a_run_without_a_source_is_wrong_usage(oadb_database_url: str) -> None:
    done = import_openalgo(oadb_database_url)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "oadb: no source: give --sqlite FILE or --postgresql URL\n"


@pytest.mark.long("eight commands")
def test_the_exit_code_says_whether_oadb_is_as_openalgo(
    db: Database, origin: Installation, oadb_database_url: str
) -> None:
    origin.add_asha()
    given = ("--sqlite", str(origin.folder))
    secrets = {"API_KEY_PEPPER": PEPPER, "FERNET_SALT": SALT}
    codes: list[int] = []

    def run(*more: str) -> str:
        done = import_openalgo(oadb_database_url, *given, *more, **secrets)
        codes.append(done.returncode)
        assert [secret for secret in (*SECRETS, SALT) if secret in done.stdout + done.stderr] == []
        return done.stdout

    assert "users 1 compared 0 fields differ 1 not in oadb 0 only in oadb" in " ".join(
        run("--verify").split()
    )
    run("--apply")
    run("--verify")
    origin.change("api_keys", 1, order_mode="auto")
    said = run("--verify")
    assert "! 1 changed in OpenAlgo, to be written: order_mode (id 1)" in said
    user = users.find_by_username(db, "asha")
    assert user is not None
    (key,) = api_keys.list_by_user(db, user.user_id)
    api_keys.revoke(db, user.user_id, key.api_key_id)
    tables = {each["table"]: each for each in json.loads(run("--apply", "--json"))["tables"]}
    assert tables["api_keys"]["open"] == {"order_mode": ["1"]}
    run("--apply", "--keep", "api_keys:1")
    origin.delete("api_keys", 1)
    assert "! 1 in oadb, but no longer in OpenAlgo: the row (id 1)" in run("--apply")
    assert codes == [3, 0, 0, 3, 3, 3, 3]


def test_a_choice_or_a_name_of_another_form_is_wrong_usage(oadb_database_url: str) -> None:
    for option, value, message in (
        ("--take", "api_keys", "api_keys is not a table and an id, such as api_keys:1"),
        ("--rename", "asha", "--rename needs two names, such as 'Asha Rao=asha'"),
        ("--apply", "--verify", "--verify writes nothing: give it without --apply"),
    ):
        done = import_openalgo(oadb_database_url, "--sqlite", "none.db", option, value)

        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"oadb: {message}\n"
