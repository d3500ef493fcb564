"""The base is a revision or a wheel; what is neither is refused, and nothing else is written."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from oadb.engine.binding.packages import Package, find
from oadb.engine.dsn import Dsn
from oadb.errors import DeclarationError
from oadb.tools import package_list
from oadb.tools.compat import base_release, level_walk
from oadb.tools.compat.old_release import OldRelease
from oadb.tools.usage import UsageError
from tests.support.planted_releases import Releases, Source

TABLES = "create schema {0};\ncreate table {0}.rows (id bigint primary key);\n"
SELECT = "select rows.id from {0}.rows;\n"


def source(name: str, *later: str) -> Source:
    return Source([TABLES.format(name), *later], {"list_rows() -> list[int]": SELECT.format(name)})


@pytest.fixture(scope="module")
def stall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Releases, Package]]:
    """Give a package with a release of each kind of its files."""
    releases = Releases(tmp_path_factory.mktemp("compat") / "repository", "stall")
    (releases.folder / "README").write_text("before the package")
    releases.git("add", "--all")
    releases.git("commit", "--quiet", "--message", "before")
    releases.git("tag", "before")
    releases.release(source("stall", "create table stall.two (id bigint);\n"), "v1")
    releases.write(source("stall", "create table stall.two (id int);\n"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(releases.folder), *sys.path])
        yield releases, find("stall")


def refusal(base: str, package: Package) -> str:
    with (
        pytest.raises(UsageError) as caught,
        base_release.unpacked(base, [package], by_name=True),
    ):
        pass
    return str(caught.value)


def wheel(path: Path, releases: Releases, *more: str) -> str:
    """Write a wheel with the files of the package and files of other names."""
    with zipfile.ZipFile(path, "w") as archive:
        for folder in (releases.package, "sql"):
            for file in sorted((releases.folder / folder).rglob("*.*")):
                inside = file.relative_to(releases.folder)
                prefix = releases.package if folder == "sql" else ""
                if file.is_file():
                    archive.write(file, Path(prefix) / inside)
        for name in more:
            archive.writestr(name, "x")
    return str(path)


@pytest.mark.parametrize("base", ["v2", "--output=x", "", "v1:sql", "v1^{tree}"])
def test_what_is_no_revision_is_refused(stall: tuple[Releases, Package], base: str) -> None:
    told = refusal(base, stall[1])

    assert told.startswith(f"{base} is not a revision of {stall[0].folder}")
    assert not (stall[0].folder / "x").exists()


def test_a_release_without_the_package_is_refused(stall: tuple[Releases, Package]) -> None:
    assert refusal("before", stall[1]).startswith("before does not have the package stall: ")


def test_a_shallow_clone_is_told(stall: tuple[Releases, Package], tmp_path: Path) -> None:
    origin, clone = stall[0].folder.as_uri(), tmp_path / "clone"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", origin, clone], check=True)
    (clone / "lone").mkdir()
    (clone / "lone/__init__.py").touch()
    (clone / "lone/sql/queries").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(clone), *sys.path])
        package = find("lone")

    assert "before is not in" in refusal("before", package)
    assert "a shallow clone: fetch it with its files first" in refusal("before", package)


def test_a_package_that_is_in_no_repository_is_told(tmp_path: Path) -> None:
    (tmp_path / "plainly").mkdir()
    (tmp_path / "plainly/__init__.py").touch()
    (tmp_path / "plainly/sql/queries").mkdir(parents=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(tmp_path), *sys.path])
        package = find("plainly")

    assert refusal("v1", package).startswith("the packages plainly are in no git repositories: ")


def test_without_git_a_wheel_is_asked_for(
    stall: tuple[Releases, Package], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert refusal("v1", stall[1]) == "git is not installed: give --base the wheel of a release"


def test_a_file_that_is_no_wheel_is_refused(
    stall: tuple[Releases, Package], tmp_path: Path
) -> None:
    text = tmp_path / "text.whl"
    text.write_text("no zip")
    outside = wheel(tmp_path / "outside.whl", stall[0], "../outside.py")
    other = tmp_path / "other.whl"
    zipfile.ZipFile(other, "w").close()

    assert refusal(str(tmp_path / "none.whl"), stall[1]) == f"there is no file {tmp_path}/none.whl"
    assert refusal(str(text), stall[1]).startswith(f"{text} cannot be unpacked as a wheel: ")
    assert refusal(outside, stall[1]).endswith("outside of its folder: '../outside.py'")
    assert refusal(str(other), stall[1]).startswith("other.whl does not have the package stall: ")
    assert not (tmp_path / "outside.py").exists()


def test_a_revision_is_unpacked_into_a_folder_that_goes_and_nothing_else_changes(
    stall: tuple[Releases, Package],
) -> None:
    releases, package = stall
    before = (releases.git("status", "--porcelain"), releases.git("worktree", "list"))
    with base_release.unpacked("v1", [package], by_name=True) as base:
        (root,) = base.roots.values()
        old = (root / "sql/migrations/0002_change_stall.sql").read_text()

    assert "stall.two (id bigint)" in old
    assert not root.exists()
    assert (releases.git("status", "--porcelain"), releases.git("worktree", "list")) == before


def test_migrations_that_were_edited_or_are_gone_are_told(
    stall: tuple[Releases, Package], tmp_path: Path
) -> None:
    releases, package = stall
    then = tmp_path / "sql/migrations"
    then.mkdir(parents=True)
    for file in (releases.folder / "sql/migrations").iterdir():
        (then / file.name).write_text(file.read_text())
    (then / "0001_change_stall.sql").write_text("select 1;")
    first = (then / "0002_change_stall.sql").read_text().partition("\n")[2]
    (then / "0002_change_stall.sql").write_text(first)  # as before it had to depend on 0001
    (then / "0003_add_more.sql").write_text("select 1;")

    (step,) = level_walk.steps_since([package], {"stall": tmp_path / "sql"})
    assert step.obstacles == ["0003_add_more is gone", "0001_change_stall was edited"]


def test_packages_that_depend_on_each_other_are_compared_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(Path(__file__).parents[2] / "shop")
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delenv("OADB_PACKAGES", raising=False)
    oadb, shop = package_list.chosen(["oadb", "shop"])
    folders = {each.name: Path(str(each.sql)) for each in (oadb, shop)}
    steps = level_walk.steps_since([oadb, shop], folders)

    assert [(each.later, each.obstacles) for each in steps] == [([], []), ([], [])]
    assert [each.earlier[0].id for each in steps] == ["0001_create_schema", "0001_create_shop"]


@pytest.mark.long("starts a process for each release")
def test_a_wheel_is_asked_and_keeps_its_modules_from_what_is_live(
    stall: tuple[Releases, Package], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "DATABASE_URL", "postgresql://live/live")
    releases, package = stall
    module = releases.folder / "stall/__init__.py"
    module.write_text("import os\nprint(os.environ['DATABASE_URL'])\n")
    file = wheel(tmp_path / "stall-1-py3-none-any.whl", releases)
    scratch = Dsn({"host": "/nowhere", "dbname": "scratch"})
    with (
        base_release.unpacked(file, [package], by_name=True) as base,
        OldRelease.running(base, [package], scratch) as old,
    ):
        (told,) = old.statements
        assert (told.label, told.where) == (
            "cases.list_rows",
            "stall.cases:34 and stall/sql/queries/cases.sql:2",
        )
        with pytest.raises(DeclarationError, match="UnavailableError"):
            old.check(scratch)


@pytest.mark.long("starts a process for each release")
@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("stall/__init__.py", "import not_there", "No module named 'not_there'"),
        ("stall/cases.py", "x = 1", "has no query = queries"),
        ("stall/__init__.py", "import os\nos._exit(3)", "cannot be asked: it ended with 3"),
        ("oadb/__init__.py", "", "cannot be asked: ModuleNotFoundError"),
    ],
)
def test_a_release_that_cannot_be_asked_is_an_error(
    stall: tuple[Releases, Package], file: str, text: str, told: str
) -> None:
    with base_release.unpacked("v1", [stall[1]], by_name=True) as base:
        changed = base.roots["stall"] / file
        changed.parent.mkdir(exist_ok=True)
        changed.write_text(text)
        with (
            pytest.raises(DeclarationError) as caught,
            OldRelease.running(base, [stall[1]], Dsn({})),
        ):
            pass

    assert str(caught.value).startswith("the code of v1 cannot be compared: ")
    assert told in str(caught.value)
