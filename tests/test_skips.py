"""A skip for a reason that nobody has allowed makes CI fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import skips

ROOT = Path(__file__).parents[1]
LISTED = "only root can become another user"

ALLOWED = f"""
import pytest

@pytest.mark.skipif(True, reason={LISTED!r})
def test_of_users(): ...

@pytest.mark.xfail
def test_that_fails(): assert False
"""
OTHERS = """
@pytest.fixture
def folder(): pytest.skip('no folder for a fixture')

@pytest.mark.skipif(True, reason='no folder for a mark')
def test_a(): ...

def test_b(folder): ...

@pytest.mark.parametrize('path', [])
def test_c(path): ...
"""
OF_A_MODULE = "import pytest\npytest.importorskip('no_such_module', reason='no module')\n"


def run(folder: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of a folder, with the list of skips and no other plugin but xdist."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    plugins = ["-p", "tests.support.skips", "-p", "xdist"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={
            **{name: value for name, value in os.environ.items() if name != "CI"},
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            **environ,
        },
    )


def test_allowed_skips_and_expected_failures_pass_in_ci(tmp_path: Path) -> None:
    (tmp_path / "test_tiny.py").write_text(ALLOWED)
    done = run(tmp_path, CI="true")

    assert "1 skipped, 1 xfailed" in done.stdout
    assert "does not allow" not in done.stdout
    assert done.returncode == 0


@pytest.mark.long("starts pytest")
@pytest.mark.parametrize("workers", ["-n0", "-n2"])
def test_other_skips_fail_in_ci_and_are_named_with_their_reasons(
    tmp_path: Path, workers: str
) -> None:
    (tmp_path / "test_tiny.py").write_text(ALLOWED + OTHERS)
    (tmp_path / "test_whole.py").write_text(OF_A_MODULE)
    done = run(tmp_path, workers, CI="true")
    section = done.stdout.partition("skips that tests/support/skips.py does not allow")[2]

    assert "test_tiny.py::test_a: no folder for a mark\n" in section
    assert "test_tiny.py::test_b: no folder for a fixture\n" in section
    assert "got empty parameter set for (path)" in section
    assert "test_whole.py: no module\n" in section
    assert LISTED not in section
    assert done.returncode == pytest.ExitCode.TESTS_FAILED


def test_a_module_that_is_skipped_alone_fails_in_ci(tmp_path: Path) -> None:
    """Otherwise pytest says that there were no tests."""
    (tmp_path / "test_whole.py").write_text(OF_A_MODULE)

    assert run(tmp_path, CI="true").returncode == pytest.ExitCode.TESTS_FAILED


def test_elsewhere_than_in_ci_a_skip_is_a_skip(tmp_path: Path) -> None:
    (tmp_path / "test_tiny.py").write_text(ALLOWED + OTHERS)
    done = run(tmp_path)

    assert "does not allow" not in done.stdout
    assert done.returncode == 0


@pytest.mark.long("starts pytest")
def test_a_run_that_breaks_off_keeps_its_status(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("raise KeyError('broken')")
    (tmp_path / "test_whole.py").write_text(OF_A_MODULE)

    assert run(tmp_path, CI="true").returncode == pytest.ExitCode.INTERRUPTED


def test_every_reason_on_the_list_is_that_of_a_test() -> None:
    here = {Path(__file__), Path(skips.__file__)}
    text = "".join(path.read_text() for path in ROOT.glob("tests/**/*.py") if path not in here)

    assert [reason for reason in skips.ALLOWED if f'"{reason}"' not in text] == []
