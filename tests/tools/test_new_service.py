"""``oadb new service``: what it writes runs as it is, and what it refuses leaves nothing behind."""

import json
import re
import sys
from pathlib import Path
from shutil import copytree
from typing import get_args

import pytest

from oadb.testing.servers import Server
from oadb.tools.new_service import Framework
from tests.support.command_line import oadb
from tests.support.new_projects import REPOSITORY, files_in, python, started

FRAMEWORKS: tuple[Framework, ...] = get_args(Framework)


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> dict[Framework, Path]:
    """Give the folder of a new service of each framework."""
    made = tmp_path_factory.mktemp("new")
    folders: dict[Framework, Path] = {each: made / f"depot_{each}" for each in FRAMEWORKS}
    for framework, folder in folders.items():
        done = oadb("new", "service", str(folder), "--framework", framework)
        assert (done.returncode, done.stderr) == (0, "")
    return folders


@pytest.fixture
def in_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make an empty folder the current one."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


# As it is --------------------------------------------------------------------------------------


@pytest.mark.long("starts the tests of two services")
def test_the_tests_of_new_services_pass(
    services: dict[Framework, Path], oadb_server: Server
) -> None:
    # Of the plugin of others, which this environment has, the tests use nothing.
    command = ("pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:xdist")
    server = oadb_server.url("postgres")
    running = [started(each, *command, OADB_TEST_DATABASE_URL=server) for each in services.values()]

    for process in running:
        with process:
            said, _ = process.communicate()
        assert process.returncode == 0, said
        assert "5 passed" in said


@pytest.mark.slow
def test_type_checkers_accept_new_services(services: dict[Framework, Path], tmp_path: Path) -> None:
    for project in services.values():  # one run for both
        copytree(project / project.name, tmp_path / project.name)
        copytree(project / "tests", tmp_path / f"tests_of_{project.name}")
    (tmp_path / "pyrightconfig.json").write_text(json.dumps({"typeCheckingMode": "strict"}))
    settings = services["flask"] / "pyproject.toml"
    running = [
        started(tmp_path, "pyright", "--pythonpath", sys.executable),
        started(
            tmp_path,
            *("mypy", "--explicit-package-bases", "--config-file", str(settings), "."),
            MYPY_CACHE_DIR=str(REPOSITORY / ".mypy_cache"),
        ),
    ]

    for process in running:
        with process:
            said, _ = process.communicate()
        assert process.returncode == 0, said


def test_ruff_accepts_new_services(services: dict[Framework, Path]) -> None:
    folders = [*map(str, services.values())]
    for command in (("check", "--no-cache"), ("format", "--check", "--no-cache")):
        done = python(REPOSITORY, "ruff", *command, *folders)
        assert done.returncode == 0, done.stdout


@pytest.mark.slow
def test_the_plans_of_a_new_service_are_those_of_its_lock(
    services: dict[Framework, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    project = services["fastapi"]
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend("")  # restores what a project file adds to sys.path
    done = oadb("plan", "--check", "--package", project.name)

    assert (done.returncode, done.stdout) == (
        0,
        "all plans are those of their locks, and none is unbounded\n",
    )


def test_no_password_and_no_key_has_a_default(services: dict[Framework, Path]) -> None:
    secret = re.compile(r"^ *(\w*(?:PASSWORD|KEYRING))(?:: |=)(.*)$", re.MULTILINE)
    for folder in services.values():
        composed = secret.findall((folder / "compose.yaml").read_text())
        assert len(composed) == 6
        assert all(value.endswith(":?set it in .env}") for _, value in composed)
        given = dict(secret.findall((folder / ".env.example").read_text()))
        assert given == {"OADB_KEYRING": "", "OWNER_PASSWORD": "", "APP_PASSWORD": ""}


# Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("My Shop", "its name is up to 63 lower-case letters, digits, and"),
        ("my-stall", "its name is up to 63"),
        ("stall ", "its name is up to 63"),
        ("..", "its name is up to 63"),
        ("stall/..", "its name is up to 63"),
        ("/", "its name is up to 63"),
        ("2shops", "its name is up to 63"),
        ("", "its name is up to 63"),
        ("größe", "its name is up to 63"),
        ("stall\n", "its name is up to 63"),
        ("\udcff", "its name is up to 63"),
        ("$name", "its name is up to 63"),
        ("{name}", "its name is up to 63"),
        ("a" * 64, "its name is up to 63"),
        ("elsewhere/class", "that is a keyword of Python"),
        ("json", "that is a module of Python's standard library"),
        ("fastapi", "that is an installed module"),
        ("order", "that is a reserved word of SQL"),
        ("tests", "that is what its tests are called"),
    ],
)
@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
def test_a_folder_whose_name_would_not_work_is_refused(
    in_empty: Path, folder: str, reason: str, dry_run: list[str]
) -> None:
    done = oadb("new", "service", folder, *dry_run)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("oadb: a package cannot be called ")
    assert done.stderr.endswith("; the package of a service has the name of its folder\n")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1
    assert not [*in_empty.iterdir()]


@pytest.mark.parametrize("folder", ["a" * 63, ".", "down/the/lane"])
def test_other_names_are_those_of_the_service(
    in_empty: Path, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = (in_empty / folder).name
    done = oadb("new", "service", folder)

    assert done.returncode == 0, done.stderr
    assert f"\nnext: cd {folder}; README.md there has the commands\n" in done.stdout
    package = in_empty / folder / name
    assert (package / "app.py").is_file()
    monkeypatch.chdir(in_empty / folder)
    assert oadb("new", "service", ".").stderr.startswith("oadb: nothing was written, because this")


def test_a_framework_that_is_neither_is_refused(in_empty: Path) -> None:
    done = oadb("new", "service", "stall", "--framework", "django")

    assert done.returncode == 2
    assert "'django' is not one of 'fastapi', 'flask'" in done.stderr
    assert not [*in_empty.iterdir()]


def test_nothing_is_written_where_a_file_exists(in_empty: Path) -> None:
    existing = in_empty / "stall" / "Dockerfile"
    existing.parent.mkdir()
    existing.symlink_to("nowhere")
    done = oadb("new", "service", "stall")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "oadb: nothing was written, because this exists already: stall/Dockerfile; "
        "choose another folder\n"
    )
    assert [*existing.parent.iterdir()] == [existing]


@pytest.mark.parametrize("obstacle", ["stall", "stall/.github", "stall/stall/sql"])
def test_what_was_written_is_removed_where_a_file_cannot_be(in_empty: Path, obstacle: str) -> None:
    (in_empty / obstacle).parent.mkdir(parents=True, exist_ok=True)
    (in_empty / obstacle).touch()
    before = files_in(in_empty)
    done = oadb("new", "service", "stall")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("oadb: nothing was written, because stall/")
    assert done.stderr.endswith((" cannot be: Not a directory\n", " cannot be: File exists\n"))
    assert files_in(in_empty) == before


def test_a_current_folder_that_was_deleted_is_told(in_empty: Path) -> None:
    in_empty.rmdir()
    for command in (("service", "stall"), ("package", "stall")):
        done = oadb("new", *command)
        assert done.returncode == 2
        assert done.stderr == "oadb: the current folder was deleted; change to one that exists\n"


def test_a_folder_that_takes_no_file_is_named(in_empty: Path) -> None:
    done = oadb("new", "service", "/proc/self/stall")

    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "oadb: nothing was written, because /proc/self/stall/pyproject.toml cannot" in done.stderr
    )
    assert not [*in_empty.iterdir()]
