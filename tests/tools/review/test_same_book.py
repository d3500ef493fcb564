"""The whole review book of oadb, made twice."""

from pathlib import Path

import pytest

from tests.support.command_line import oadb


@pytest.mark.slow  # a minute: plans all statements, twice
def test_two_books_of_one_revision_are_equal_to_the_byte(tmp_path: Path) -> None:
    """But for costs of statements on the catalog, which has a page more or less at times."""
    books = [tmp_path / "first", tmp_path / "second"]
    for book in books:
        assert oadb("review", "--package", "oadb", "--html", str(book)).returncode == 0
    pages = [sorted(each.relative_to(book) for each in book.rglob("*.*")) for book in books]

    assert pages[0] == pages[1]
    assert [
        str(page)
        for page in pages[0]
        if b"pg_catalog." not in (text := (books[0] / page).read_bytes())
        and text != (books[1] / page).read_bytes()
    ] == []
