"""``oadb new package``: what it writes runs as it is, and what it refuses leaves nothing behind."""

import sys
from importlib import import_module
from pathlib import Path
from typing import get_args
from zipfile import ZipFile

import pytest

from oadb import Database
from oadb.testing.servers import Server
from oadb.tools import new_package, new_service, package_names, skeleton_files
from oadb.tools.new_service import Framework
from oadb.tools.usage import UsageError
from tests.support.command_line import oadb
from tests.support.new_projects import REPOSITORY, files_in, python
from tests.support.rig import Observer

NAME = "depot_2"


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a new package."""
    folder = tmp_path_factory.mktemp("new") / "project"
    done = oadb("new", "package", NAME, "--folder", str(folder))
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture
def in_project(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make its folder the current one."""
    monkeypatch.chdir(project)
    monkeypatch.delenv("OADB_PACKAGES", raising=False)
    monkeypatch.syspath_prepend("")  # restores what a project file adds to sys.path


# As it is --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("in_project")
def test_a_new_package_is_migrated_checked_and_used(oadb_server: Server) -> None:
    with oadb_server.clone("template1") as url:
        applied = oadb("migrate", url=url).stdout
        assert f"applied 0001_create_{NAME} in " in applied
        assert oadb("check", url=url).stdout == "all declarations agree with the database\n"
        assert f"create schema {NAME};" in oadb("schema", url=url).stdout
        assert oadb("check", "--schema", url=url).stdout == (
            f"{NAME}: the schema is the intended one at level 0001_create_{NAME}\n"
        )

        notes = import_module(f"{NAME}.notes")
        with Database.from_url(url) as db:
            old, own, new = (
                notes.create(db, author, body)
                for author, body in (("asha", "Buy"), (None, "Start"), ("asha", "Sell"))
            )
            page = notes.list_notes(db, limit=2)
            assert [*page] == [new, own]
            assert [*notes.list_notes(db, limit=2, cursor=page.next)] == [old]
            assert [*notes.list_notes(db, author="asha")] == [new, old]
            assert notes.delete(db, own.note_id) == 1

        assert oadb("migrate", "rollback", "--yes", url=url).returncode == 0
        assert not Observer(url).rows(f"select from pg_namespace where nspname = '{NAME}'")


@pytest.mark.long("starts type checkers")
@pytest.mark.parametrize(
    "checker", [("mypy", "--strict", "."), ("pyright", "--pythonpath", sys.executable)]
)
def test_type_checkers_accept_a_new_package(project: Path, checker: tuple[str, ...]) -> None:
    done = python(project, *checker, MYPY_CACHE_DIR=str(REPOSITORY / ".mypy_cache"))

    assert done.returncode == 0, done.stdout


@pytest.mark.long("starts the tests of the package")
def test_the_tests_of_a_new_package_pass_and_find_a_fault(
    project: Path, oadb_server: Server
) -> None:
    server = oadb_server.url("postgres")
    done = python(project, "pytest", "-q", OADB_TEST_DATABASE_URL=server)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout

    declarations = project / NAME / "notes.py"
    right = declarations.read_text()
    declarations.write_text(right.replace("    body: str\n", "    body: str | None\n"))
    try:
        done = python(project, "pytest", "-q", OADB_TEST_DATABASE_URL=server)
    finally:
        declarations.write_text(right)
    assert done.returncode == 1
    assert "column body is declared as str | None, but is never null" in done.stdout


@pytest.mark.long("builds a wheel")
def test_the_wheel_of_a_new_package_has_its_sql(project: Path, tmp_path: Path) -> None:
    done = python(project, "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), ".")
    assert done.returncode == 0, done.stdout

    [wheel] = tmp_path.glob("*.whl")
    names = set(ZipFile(wheel).namelist())
    assert {name for name in names if name.startswith(f"{NAME}/")} == {
        f"{NAME}/{name}" for name in files_in(project / NAME) if "__pycache__" not in name
    }
    assert f"{NAME}/sql/queries/notes.sql" in names
    assert f"{NAME}/sql/migrations/0001_create_{NAME}.rollback.sql" in names


def test_every_template_is_written() -> None:
    skeleton = Path(skeleton_files.__file__).parent / "skeleton"
    written = {
        *new_package._PLACES,
        *(
            template.replace("$framework", framework)
            for framework in get_args(Framework)
            for template in new_service._PLACES
        ),
    }

    assert files_in(skeleton) == {f"{template}.template" for template in written}


# Refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My-Shop", "its name is up to 63 lower-case letters, digits, and"),
        ("", "its name is up to 63"),
        ("2shops", "its name is up to 63"),
        ("shop_", "its name is up to 63"),
        ("a__b", "its name is up to 63"),
        ("größe", "its name is up to 63"),
        ("a" * 64, "its name is up to 63"),
        ("oadb", "that is oadb itself; choose another name, such as my_oadb"),
        ("class", "that is a keyword of Python"),
        ("json", "that is a module of Python's standard library"),
        ("psycopg", "that is an installed module"),
        ("order", "that is a reserved word of SQL"),
        ("public", "that is a schema that every database has"),
        ("pg_shop", "that is for PostgreSQL's own schemas"),
        ("tests", "that is what its tests are called"),
        ("conftest", "that is what its tests are called"),
        ("dist", "that is where builds are put"),
    ],
)
def test_a_name_that_would_not_work_is_refused(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = oadb("new", "package", name)

    assert (done.returncode, done.stdout) == (2, "")
    assert reason in done.stderr
    assert done.stderr.startswith("oadb: a package cannot be called ")
    assert not [*tmp_path.iterdir()]


def test_the_longest_name_is_accepted() -> None:
    package_names.require_free("a" * 63)


def test_a_module_of_the_current_folder_is_no_installed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "warehouse.py").touch()
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "granary.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("lib")
    monkeypatch.syspath_prepend("")

    package_names.require_free("warehouse")
    with pytest.raises(UsageError, match="an installed module"):
        package_names.require_free("granary")


def test_every_word_that_the_server_reserves_is_refused(oadb_database_url: str) -> None:
    rows = Observer(oadb_database_url).rows(
        "select word from pg_get_keywords() where catcode in ('R', 'T')"
    )

    assert len(rows) > 90
    for (word,) in rows:
        with pytest.raises(UsageError, match="cannot be called"):
            package_names.require_free(word)


def test_without_a_folder_it_is_one_of_that_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    planned = oadb("new", "package", "warehouse", "--dry-run").stdout
    assert files_in(tmp_path) == set()

    done = oadb("new", "package", "warehouse").stdout
    assert {line.removeprefix("would create ") for line in planned.splitlines()} == files_in(
        tmp_path
    )
    assert done == (
        planned.replace("would create", "created")
        + "next: cd warehouse; README.md there has the commands\n"
    )


@pytest.mark.parametrize("dry_run", [[], ["--dry-run"]])
@pytest.mark.parametrize("place", ["pyproject.toml", "warehouse/sql/queries/notes.sql"])
def test_nothing_is_written_where_a_file_exists(
    tmp_path: Path, place: str, dry_run: list[str]
) -> None:
    existing = tmp_path / place
    existing.parent.mkdir(parents=True, exist_ok=True)
    existing.symlink_to("nowhere")
    done = oadb("new", "package", "warehouse", "--folder", str(tmp_path), *dry_run)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"because this exists already: {existing}; choose another" in done.stderr
    assert [path for path in tmp_path.rglob("*") if not path.is_dir()] == [existing]


def test_what_was_written_is_removed_where_a_file_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "tests").touch()
    done = oadb("new", "package", "warehouse", "--folder", str(tmp_path))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"oadb: nothing was written, because {tmp_path}/tests/test_contract.py cannot be: "
        "File exists\n"
    )
    assert [*tmp_path.iterdir()] == [tmp_path / "tests"]
