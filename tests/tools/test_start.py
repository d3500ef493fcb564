"""What the command line imports before it does something."""

import subprocess
import sys
from pathlib import Path

from tests.support import command_pages

ROOT = Path(__file__).parents[2]

STARTED = """
import sys
before = {{*sys.modules}}
sys.argv = ["oadb", *{arguments!r}]
try:
    from oadb.__main__ import main
    main()
finally:
    print(*sorted(sys.modules.keys() - before), sep="\\n", file=sys.stderr)
"""


def started(*arguments: str) -> tuple[str, set[str]]:
    """Return what a new interpreter prints, and the modules that it imported."""
    code = STARTED.format(arguments=arguments)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout, {*done.stderr.split()}


def test_the_version_imports_oadb_alone() -> None:
    said, imported = started("--version")

    ours = {name for name in imported if name.startswith("oadb")}
    assert said.startswith("oadb ")
    assert ours == {"oadb", "oadb.__main__", "oadb.errors", "oadb.runtimes"}
    # Python's own, which are cheap: typing, re and importlib.metadata take as long as a start.
    others = {name.partition(".")[0] for name in imported - ours}
    assert others <= {"importlib", "types", "warnings"}


def test_the_help_imports_no_command() -> None:
    said, imported = started("--help")

    assert "doctor  " in said
    assert not [name for name in imported if name.endswith("_command")]
    assert imported.isdisjoint({"psycopg", "asyncio", "cryptography", "argon2", "yoyo", "jinja2"})


def test_the_help_says_of_each_command_what_its_own_help_begins_with() -> None:
    commands = {name: command for name, command in command_pages.commands() if len(name) == 1}
    firsts = {name[0]: command.get_short_help_str(1000) for name, command in commands.items()}
    written = " ".join(command_pages.help_of(()).partition("Commands:")[2].split())

    assert firsts
    for name, first in firsts.items():
        assert f"{name} {first}" in written
