"""The help of every command as a page.

``python -m tests.support.command_pages > docs/commands.md`` writes the page that a test compares.
"""

import re
from collections.abc import Iterator
from typing import Any

import typer
from typer.core import TyperGroup
from typer.testing import CliRunner

from oadb.tools import cli

HEADING = """\
# Commands

What `--help` says, written by `python -m tests.support.command_pages > docs/commands.md`.
"""

WIDTH = 96

Named = tuple[tuple[str, ...], Any]
"""The words of a command, without oadb, and the command of typer."""


def commands() -> Iterator[Named]:
    """Yield every command: oadb itself, and groups before the commands in them."""
    yield from _below((), typer.main.get_command(cli.app))


def _below(name: tuple[str, ...], command: Any) -> Iterator[Named]:
    yield name, command
    if isinstance(command, TyperGroup):
        context = command.make_context(None, [], resilient_parsing=True)
        for each in command.list_commands(context):
            yield from _below((*name, each), command.get_command(context, each))


def help_of(name: tuple[str, ...]) -> str:
    """Return what a command prints for --help, as plain text of a fixed width."""
    done = CliRunner().invoke(
        cli.app, [*name, "--help"], prog_name="oadb", terminal_width=WIDTH, color=False
    )
    assert done.exit_code == 0, done.output
    return "\n".join(_in_any_version(line.rstrip()) for line in done.output.strip().splitlines())


def _in_any_version(line: str) -> str:
    """Return a line without what only some versions of typer add to it."""
    line = re.sub(r"^(  [A-Z]+) <[^>]+>", r"\1", line.replace(r"\[", "["))
    return re.sub(r"\{([A-Z]+)\}", r"\1", line) if line.startswith("Usage: ") else line


def page() -> str:
    """Return the page of all commands."""
    parts = [
        f"## {' '.join(('oadb', *name))}\n\n```text\n{help_of(name)}\n```\n"
        for name, _ in commands()
    ]
    return "\n".join([HEADING, *parts])


if __name__ == "__main__":
    print(page(), end="")
