"""The folder of a book: a new one replaces an old one, and nothing else is overwritten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from oadb.errors import ConfigError
from oadb.tools.review import book_folder


def test_a_book_replaces_the_one_before_with_all_of_its_files(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    book_folder.write(folder, [("index.html", "old"), ("tables/gone.html", "")])

    size = book_folder.write(folder, [("index.html", "new")])

    assert size == len("new")
    assert {each.name for each in folder.iterdir()} == {".oadb-review", "index.html"}
    assert [each.name for each in tmp_path.iterdir()] == ["book"]


def test_a_folder_with_other_files_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(ConfigError, match="has other files in it, which would be lost"):
        book_folder.write(tmp_path, [("index.html", "")])

    assert [each.name for each in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_is_refused(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "book", tmp_path / "target"
    target.mkdir()
    path.write_text("") if kind == "file" else path.symlink_to(target)

    with pytest.raises(ConfigError, match="is no folder"):
        book_folder.write(path, [("index.html", "")])


def test_a_book_that_cannot_be_finished_leaves_the_old_one(tmp_path: Path) -> None:
    def pages() -> Iterator[tuple[str, str]]:
        yield "index.html", "new"
        raise RuntimeError("interrupted")

    book_folder.write(tmp_path / "book", [("index.html", "old")])

    with pytest.raises(RuntimeError, match="interrupted"):
        book_folder.write(tmp_path / "book", pages())

    assert (tmp_path / "book" / "index.html").read_text() == "old"
    assert [each.name for each in tmp_path.iterdir()] == ["book"]


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    book_folder.write(tmp_path, [("index.html", "new")])

    assert (tmp_path / "index.html").read_text() == "new"


def test_a_folder_below_a_file_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="cannot be written: "):
        book_folder.write(tmp_path / "file" / "book", [("index.html", "")])
