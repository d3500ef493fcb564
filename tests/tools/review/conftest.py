"""Fixtures for tests of the review book: the books of a small package with hostile names."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from oadb.engine.binding.packages import find
from oadb.tools import package_list
from oadb.tools.review import book_building, book_folder, book_pages
from oadb.tools.review.book_model import Book
from tests.support import hostile_package


@contextmanager
def _inside(folder: Path) -> Generator[None]:
    """Make *folder* the current one, from which its package can be imported."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder / "src"))
        patch.delenv("OADB_PACKAGES", raising=False)
        yield
    find.cache_clear()


@pytest.fixture(scope="session")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the package."""
    folder = tmp_path_factory.mktemp("ledger")
    hostile_package.make(folder)
    return folder


@pytest.fixture
def in_ledger(ledger: Path) -> Generator[None]:
    """Let a test run in the folder of the package."""
    with _inside(ledger):
        yield


@pytest.fixture(scope="session")
def changed_book(ledger: Path) -> Book:
    """Give the book of what a branch changes in the package."""
    with _inside(ledger):
        return book_building.build(package_list.chosen([hostile_package.NAME]), "HEAD")


@pytest.fixture(scope="session")
def book(ledger: Path) -> Book:
    """Give the whole book of the package."""
    with _inside(ledger):
        return book_building.build(package_list.chosen([hostile_package.NAME]))


@pytest.fixture(scope="session")
def pages(book: Book, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the whole book."""
    folder = tmp_path_factory.mktemp("pages") / "book"
    book_folder.write(folder, book_pages.render(book))
    return folder
