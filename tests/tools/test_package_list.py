"""Which packages the commands work on: by option, environment, project file, or installation."""

from pathlib import Path

import pytest

from oadb.errors import ConfigError
from oadb.tools import package_list


def names(*options: str) -> list[str]:
    return [package.name for package in package_list.chosen(options)]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project with a package ``packaged``, and its folder as the current one."""
    (tmp_path / "packaged" / "sql" / "queries").mkdir(parents=True)
    (tmp_path / "packaged" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OADB_PACKAGES", raising=False)
    monkeypatch.syspath_prepend("")  # restores what a project file adds to sys.path
    return tmp_path / "pyproject.toml"


def test_without_any_it_is_what_is_installed_with_oadb_first() -> None:
    assert names()[0] == "oadb"


def test_two_distributions_that_declare_one_package_are_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        folder = project.parent / f"{name}-1.0.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (folder / "entry_points.txt").write_text("[oadb.packages]\npackaged = packaged\n")
    monkeypatch.syspath_prepend(str(project.parent))

    with pytest.raises(ConfigError, match="the package packaged is declared by one and two, of"):
        names()
    assert names("packaged") == ["packaged"]


def test_the_nearest_project_file_names_packages(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_text('[tool.oadb]\npackages = ["oadb", "packaged"]\n')
    (project.parent / "deeper").mkdir()
    monkeypatch.chdir(project.parent / "deeper")

    assert names() == ["oadb", "packaged"]


def test_the_environment_comes_before_the_project_file_and_options_before_that(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write_text('[tool.oadb]\npackages = ["packaged"]\n')
    monkeypatch.setenv("OADB_PACKAGES", " oadb , ")
    assert names() == ["oadb"]

    monkeypatch.syspath_prepend(str(project.parent))
    assert names("packaged:sql", "oadb") == ["packaged", "oadb"]


def test_a_package_of_the_project_is_found_by_its_name_as_well(project: Path) -> None:
    project.write_text('[tool.oadb]\npackages = ["oadb", "packaged"]\n')

    assert names("packaged") == ["packaged"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('[tool.oadb]\npackages = "packaged"\n', "must be a list of names"),
        ("[tool.oadb\n", "pyproject.toml: Expected"),
        ('[tool.oadb]\npackages = ["oadb", "oadb"]\n', "the package oadb is named twice"),
        ('[tool.oadb]\npackages = ["nowhere"]\n', "nowhere cannot be used: No module named"),
        ('[tool.oadb]\npackages = ["json"]\n', "json cannot be used: json has no SQL"),
        (
            '[tool.oadb]\npackages = ["broken"]\n',
            "broken cannot be used: its import raised KeyError: 'a mistake'",
        ),
    ],
)
def test_a_wrong_list_is_refused_with_its_place(
    project: Path, text: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(project.parent))
    (project.parent / "broken.py").write_text("raise KeyError('a mistake')")
    project.write_text(text)

    with pytest.raises(ConfigError, match=message):
        names()
