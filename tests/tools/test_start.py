"""What the command line imports before it does something."""

import re
import subprocess
import sys
from functools import cache
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
    assert others <= {"importlib", "types", "_types", "warnings"}


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


# Packages that take 30 ms and more to import, and the commands that import them at their start.
# Who imports psycopg takes 200 ms for it, which all commands do.
SLOW = {
    "argon2": {"demo", "import_openalgo", "keys", "maintain", "users"},
    "cryptography": {"demo", "doctor", "import_openalgo"},
    "jinja2": set[str](),
    "pygments": set[str](),
    "pyotp": {"demo", "import_openalgo", "keys", "maintain"},
    "rich": {"explain", "stats", "top"},
    "yoyo": {
        "check", "compat", "demo", "distribute", "doctor", "explain", "grants", "impact",
        "migrate", "plan", "schema", "unused",
    },
}  # fmt: skip  # a list

IMPORT = re.compile(r"^(?:from ([\w.]+) import (\([^)]*\)|.*)|import ([\w.]+))", re.MULTILINE)


@cache
def imports(module: str) -> frozenset[str]:
    """Return what a module of oadb imports when it is imported itself."""
    path = ROOT / module.replace(".", "/")
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not module.startswith("oadb") or not file.is_file():
        return frozenset()
    found = {module.rpartition(".")[0]} - {""}
    for home, names, alone in IMPORT.findall(file.read_text()):
        found |= {home or alone, *(f"{home}.{name}" for name in re.findall(r"\w+", names))}
    return frozenset(found)


def reached(module: str) -> set[str]:
    """Return all that is imported with a module, by itself and by what it imports."""
    seen, waiting = {module}, [module]
    while waiting:
        new = imports(waiting.pop()) - seen
        seen |= new
        waiting += new
    return seen


def test_a_command_imports_no_slow_package_that_it_does_not_use() -> None:
    commands = [path.stem for path in (ROOT / "oadb/tools/commands").glob("*_command.py")]
    found: dict[str, set[str]] = {name: set() for name in SLOW}
    for command in commands:
        packages = {each.partition(".")[0] for each in reached(f"oadb.tools.commands.{command}")}
        for name in packages & SLOW.keys():
            found[name].add(command.removesuffix("_command"))

    assert found == SLOW


def test_a_command_ends_without_a_search_for_garbage() -> None:
    """Which takes a tenth of the time of a short command."""
    code = (
        "import atexit, gc, sys\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 0, file=sys.stderr))\n"
        "sys.argv = ['oadb', '--help']\n"
        "from oadb.tools.cli import main\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )

    assert done.stderr == "True\n"
