"""--database-url: overrides DATABASE_URL, and no output shows its password."""

import pytest

from tests.support.command_line import oadb
from tests.support.command_pages import commands

ELSEWHERE = "postgresql://asha:hunter2@127.0.0.1:1/elsewhere"

# Arguments without which a command does not begin.
ARGUMENTS = {
    "instruments load": ("/nowhere.csv", "--broker", "zerodha"),
    "keys promote": ("1",),
    "keys retire": ("1",),
    "users create": ("ravi", "ravi@example.in"),
    "users reset-password": ("ravi",),
    "users disable": ("ravi",),
    "users enable": ("ravi",),
    "users unlock": ("ravi",),
    "bans add": ("203.0.113.7", "--reason", "guessing"),
    "bans remove": ("203.0.113.7",),
    "import-openalgo": ("--sqlite", "/nowhere"),
    "migrate rollback": ("--yes",),
    "migrate accept": ("0001_create_schema",),
    "explain": ("users.count",),
    "shell": ("--python",),
}
CONNECTING = [
    " ".join(name)
    for name, command in commands()
    if "--database-url" in {word for each in command.params for word in each.opts}
]


@pytest.mark.long("starts every command")
def test_it_replaces_the_variable(oadb_database_url: str) -> None:
    for command in (("migrate", "status"), ("bans", "list"), ("check",)):
        done = oadb(*command, "--database-url", oadb_database_url, url=ELSEWHERE)
        assert done.returncode == 0, done.stderr


def test_a_group_passes_it_on(oadb_database_url: str) -> None:
    done = oadb("migrate", "--database-url", oadb_database_url, "status", url=ELSEWHERE)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", CONNECTING)
def test_no_error_shows_the_password(name: str, tmp_path: object) -> None:
    ring = f"{tmp_path}/ring.json"
    oadb("keys", "new", ring)
    given = (*name.split(), "--database-url", ELSEWHERE, *ARGUMENTS.get(name, ()))
    done = oadb(*given, url="postgresql:///unused", stdin="long enough\n", OADB_KEYRING_FILE=ring)

    assert done.returncode == (3 if name in {"doctor", "maintain", "ready"} else 1)
    said = done.stdout + done.stderr
    assert "hunter2" not in said
    assert "Traceback" not in said
    assert "127.0.0.1:1/elsewhere" in said or name == "import-openalgo"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("hunter2", "there is no scheme; allowed are postgresql://"),
        ("mysql://asha:hunter2@localhost/x", "the scheme is mysql; allowed are postgresql://"),
        ("postgresql://asha:hunter2@x@localhost/x", "no valid host and port; percent-encode"),
        ("postgresql://asha:hunter2%zz@localhost/x", "not a valid PostgreSQL URL: expected"),
    ],
)
def test_a_wrong_url_is_wrong_usage(url: str, reason: str) -> None:
    done = oadb("doctor", "--database-url", url)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"Error: Invalid value for '--database-url': {reason}" in done.stderr
    assert "hunter2" not in done.stderr
