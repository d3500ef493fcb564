"""The names in Python files that are kept: when a file is parsed anew."""

import ast
import json
from pathlib import Path

import pytest

from oadb.tools.dependencies import kept_names, module_names
from oadb.tools.dependencies.module_names import ModuleNames, SourceFile

TEXT = "from desk import journal\n\n\ndef work():\n    journal.write()\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[SourceFile]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, text in {"work.py": TEXT, "idle.py": "", "page.py": "{{ a template }"}.items():
        (tmp_path / name).write_text(text)
    return [
        SourceFile(path.stem, path, path.name, is_test=False)
        for path in sorted(tmp_path.glob("*.py"))
    ]


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give the names of the modules that are parsed, as they are."""
    found, read = list[str](), module_names.read

    def noted(module: str, content: bytes) -> ModuleNames | None:
        found.append(module)
        return read(module, content)

    monkeypatch.setattr(module_names, "read", noted)
    return found


def test_a_file_is_parsed_anew_where_it_has_changed(
    files: list[SourceFile], parsed: list[str]
) -> None:
    first = kept_names.of_files(files)
    parsed.clear()

    assert kept_names.of_files(files) == first
    assert parsed == ["page"]  # no Python
    files[-1].path.write_text(TEXT.replace("write", "read"))
    parsed.clear()
    [_, (_, names)] = kept_names.of_files(files)
    assert parsed == ["page", "work"]
    assert [(each.name, each.within, each.line) for each in names.named] == [
        ("desk.journal.read", "work", 5)
    ]


def test_many_files_are_read_by_another_process(
    files: list[SourceFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [module_names.read(file.module, file.path.read_bytes()) for file in files]
    monkeypatch.setattr(kept_names, "_MANY", len(files))
    monkeypatch.setattr(ast, "parse", None)  # in this process

    found = kept_names.of_files(files)

    assert [names for _, names in found] == [names for names in expected if names is not None]
    assert kept_names.of_files([file for file, _ in found]) == found, "what was kept"


@pytest.mark.parametrize("content", ["{", "[]", '"x"', "null"])
def test_what_is_kept_and_damaged_is_made_anew(
    files: list[SourceFile], parsed: list[str], content: str
) -> None:
    first = kept_names.of_files(files)
    [place] = files[0].path.parent.glob("cache/oadb/names/*")
    kept = json.loads(place.read_text())
    place.write_text(content)

    assert kept_names.of_files(files) == first
    place.write_text(json.dumps({key: {"defined": []} for key in kept}))
    parsed.clear()
    assert kept_names.of_files(files) == first
    assert parsed == ["idle", "page", "work"]
    parsed.clear()
    assert kept_names.of_files(files) == first
    assert parsed == ["page"]


def test_without_a_folder_of_ours_nothing_is_kept(
    files: list[SourceFile], parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(files[0].path))  # no folder

    assert kept_names.of_files(files) == kept_names.of_files(files)
    assert parsed == 2 * ["idle", "page", "work"]
