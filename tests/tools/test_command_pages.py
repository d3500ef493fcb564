"""Every command: its help, what all of them have in common, and the page of docs/commands.md."""

import re
from pathlib import Path

from tests.support import command_pages
from tests.support.command_line import oadb
from tests.support.each import for_each

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
COMMANDS = {" ".join(name): command for name, command in command_pages.commands()}
GROUPS = {"", "new", "instruments", "keys", "users", "bans", "audit", "statistics"}

VALUES = {
    "DAY",
    "FILE",
    "FOLDER",
    "URL",
    "SPAN",
    "COUNT",
    "USER",
    "BROKER",
    "COLUMN",
    "EXCHANGE",
    "NAME",
    "PART",
    "REASON",
    "REV",
    "TABLE",
    "FIELD",
}

# Commands that connect to no database of the user, and commands that change nothing that stays.
OFFLINE = {
    "demo", "plan", "impact", "unused", "grants", "review", "new package", "new service",
    "keys new", "keys add",
    "compat",
}  # fmt: skip  # a list
READING = {
    "demo", "doctor", "ready", "stats", "check", "compat", "schema", "migrate status",
    "distribute status", "instruments status", "top", "keys status", "keys verify", "bans list",
    "audit verify", "audit export", "impact", "unused", "grants", "migrate rehearse",
    "statistics export", "explain", "review", "shell",
}  # fmt: skip  # a list


def options(name: str) -> set[str]:
    params = COMMANDS[name].params
    return {word for each in params for word in (*each.opts, *each.secondary_opts)}


def test_the_page_of_commands_is_what_they_say() -> None:
    command = "python -m tests.support.command_pages > docs/commands.md"

    assert command_pages.page() == PAGE.read_text(), command
    assert PAGE.read_text().isascii()
    assert "\x1b" not in PAGE.read_text()


@for_each("name", COMMANDS)
def test_h_is_help(name: str) -> None:
    short, long = oadb(*name.split(), "-h"), oadb(*name.split(), "--help")

    assert (short.returncode, short.stderr) == (0, "")
    assert short.stdout == long.stdout
    assert "-h, --help" in short.stdout


@for_each("name", COMMANDS)
def test_an_unknown_option_is_wrong_usage(name: str) -> None:
    done = oadb(*name.split(), "--nonsense")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("Error: No such option: --nonsense")


@for_each("name", COMMANDS)
def test_a_value_is_named_after_what_it_is(name: str) -> None:
    values = re.findall(r"(?m)^  --[\w-]+ ([A-Z]+)", command_pages.help_of((*name.split(),)))

    assert {*values} <= VALUES


@for_each("name", sorted(COMMANDS.keys() - GROUPS - OFFLINE))
def test_every_command_that_connects_takes_the_url_of_the_database(name: str) -> None:
    assert "--database-url" in options(name)


@for_each("name", sorted(COMMANDS.keys() - GROUPS - READING - {"plan"}))
def test_every_command_that_writes_has_a_dry_run(name: str) -> None:
    """That of plan is --check."""
    assert "--dry-run" in options(name)
