"""Where oadb runs, and what it says where it does not."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.long("each starts an interpreter")

IMPORTS = ["import oadb", "from oadb import Database", "from oadb.accounts import users"]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=False
    )


def error(code: str) -> str:
    """Return the last line that Python writes as it fails to run *code*."""
    done = python(code)
    assert done.returncode == 1
    return done.stderr.splitlines()[-1]


EVENTLET = """
import sys
from types import ModuleType

# What eventlet's own module answers once monkey_patch() was called.
sys.modules["eventlet.patcher"] = patcher = ModuleType("eventlet.patcher")
patcher.is_monkey_patched = lambda name: True
"""


@pytest.mark.parametrize("imports", IMPORTS)
def test_eventlet_is_refused_at_import_with_what_to_use_instead(imports: str) -> None:
    said = error(EVENTLET + imports)

    assert said.startswith("ImportError: oadb does not run on eventlet")
    assert "gevent" in said
    assert "gthread" in said


@pytest.mark.parametrize("imports", IMPORTS)
def test_windows_is_refused_at_import_with_what_to_use_instead(imports: str) -> None:
    said = error(f"import sys; sys.platform = 'win32'\n{imports}")

    assert said == (
        "ImportError: oadb runs on Linux, and is not tested on macOS; on Windows use WSL 2 or a "
        "container"
    )


def test_an_attribute_that_is_missing_below_is_not_taken_for_a_missing_name() -> None:
    said = error("import select; del select.poll\nfrom oadb import Database")

    assert said.startswith("ImportError: oadb.engine.database cannot be imported: ")
    assert "'poll'" in said


def test_a_name_that_oadb_does_not_have_is_missing() -> None:
    assert "cannot import name 'Databse'" in error("from oadb import Databse")


def test_gevent_that_patches_after_the_import_is_told_from_one_that_patches_before() -> None:
    patch = "from gevent import monkey; monkey.patch_all()"
    check = "from oadb import runtimes; runtimes.require_early_patches()"

    late = error(f"from oadb import Database\n{patch}\n{check}")

    assert "gunicorn.conf.py" in late
    assert python(f"{patch}\nfrom oadb import Database\n{check}").returncode == 0
