"""The installed package: its errors for missing parts, its imports, its dependencies."""

import subprocess
import sys
from importlib.metadata import requires
from pathlib import Path

from oadb.engine.binding.packages import find

ROOT = Path(__file__).resolve().parent.parent

WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name == {missing!r}:
            raise {error}
sys.meta_path.insert(0, Missing())
{code}
"""


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )


def without(missing: str, error: str, code: str) -> str:
    done = python(WITHOUT.format(missing=missing, error=error, code=code))
    assert done.returncode != 0
    return done.stderr


def test_an_install_without_libpq_says_what_to_install() -> None:
    said = without("psycopg", "ImportError('no pq wrapper available')", "from oadb import Database")

    assert "oadb found psycopg but no libpq" in said
    assert "pip install 'oadb[binary]'" in said


def test_an_install_without_psycopg_does_not_mention_libpq() -> None:
    missing = "ModuleNotFoundError('No module named psycopg')"
    said = without("psycopg", missing, "from oadb import Database")

    assert "No module named psycopg" in said
    assert "libpq" not in said


def test_an_install_without_the_command_line_says_what_to_install() -> None:
    error = "ModuleNotFoundError(\"No module named 'typer'\", name='typer')"
    said = without("typer", error, "from oadb.__main__ import main; main()")

    assert said.strip() == "oadb: the command line needs more packages: pip install 'oadb[cli]'"


def test_importing_oadb_imports_neither_psycopg_nor_a_domain() -> None:
    done = python("import sys, oadb; print(sorted(m for m in sys.modules if 'psycopg' in m))")

    assert done.stdout == "[]\n", done.stderr


def test_names_that_oadb_promises_are_there_and_others_are_not() -> None:
    code = "import oadb; [getattr(oadb, name) for name in oadb.__all__]; oadb.Databse"
    done = python(code)

    assert "module 'oadb' has no attribute 'Databse'" in done.stderr


def test_the_sql_of_a_checkout_is_found() -> None:
    assert find("oadb").sql == ROOT / "sql"


def test_every_dependency_has_an_upper_bound() -> None:
    for requirement in requires("oadb") or []:
        name = requirement.split(";", maxsplit=1)[0]
        assert "<" in name or name.startswith("oadb["), requirement


def test_a_domain_imports_neither_ciphers_nor_what_only_errors_need() -> None:
    code = "import sys, oadb.accounts.api_keys; print(*sorted(sys.modules), sep='\\n')"
    imported = {*python(code).stdout.split()}

    assert "oadb.accounts.api_keys" in imported
    slow = {"cryptography", "argon2", "pyotp", "yoyo", "difflib", "tomllib", "oadb.accounts.users"}
    assert imported.isdisjoint(slow)
