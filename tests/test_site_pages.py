"""The pages that the site is made of: what stands in documents and docstrings that are wrong."""

from pathlib import Path

import pytest

from tests.support.doc_site import building, docstring_fields, source_tree


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a repository of two documents, which the functions take for their own."""
    monkeypatch.setattr(source_tree, "ROOT", tmp_path)
    (tmp_path / "docs").mkdir()
    kinds = "".join(f"## {kind}\n\n" for kind in source_tree.KINDS[1:])
    (tmp_path / "docs/README.md").write_text(
        f"# D\n\n## Tutorials\n\n- [A](a.md)\n- [P](api.txt)\n\n{kinds}"
    )
    (tmp_path / "docs/a.md").write_text("# A\n")
    (tmp_path / "docs/api.txt").touch()
    return tmp_path


@pytest.mark.usefixtures("repository")
def test_the_navigation_is_what_the_front_page_lists() -> None:
    assert source_tree.listed()["Tutorials"] == ["/a", "/reference/index"]


def test_a_document_that_the_front_page_does_not_list_is_named(repository: Path) -> None:
    (repository / "docs/b.md").write_text("# B\n")

    with pytest.raises(ValueError, match=r"docs/README\.md lists each page once.*: docs/b\.md$"):
        source_tree.listed()


def test_a_document_that_the_front_page_lists_twice_is_named(repository: Path) -> None:
    front = repository / "docs/README.md"
    front.write_text(f"{front.read_text()}- [A](a.md)\n")

    with pytest.raises(ValueError, match=r"not so: docs/a\.md$"):
        source_tree.listed()


@pytest.mark.parametrize("link", ["missing.md", "../../outside.md", "missing/", "a.md/b.md"])
def test_a_link_to_no_file_is_named_with_its_document(repository: Path, link: str) -> None:
    (repository / "docs/a.md").write_text(f"# A\n\n[x]({link}#y)\n")

    with pytest.raises(ValueError, match=rf"^docs/a\.md: the link {link} leads to no file"):
        source_tree.write(repository / "pages")


def test_a_folder_that_holds_something_else_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("kept")

    with pytest.raises(ValueError, match="holds files that are no site; name another folder"):
        building.build(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_sections_of_a_docstring_become_fields() -> None:
    text = """Do it.

Args:
    first: what is
        done; *second* is not.
    third: in seconds: 1 to 9.

Returns:
    For each row: its id.

Raises:
    BusyError: too many.
"""

    assert docstring_fields.fields(text).splitlines() == [
        "Do it.",
        "",
        ":param first: what is done; *second* is not.",
        ":param third: in seconds: 1 to 9.",
        ":returns: For each row: its id.",
        ":raises BusyError: too many.",
    ]


def test_indented_lines_of_a_docstring_become_a_block_of_code() -> None:
    shown = docstring_fields.prose("Like this:\n\n    a = 1\n\n    b = 2\n\nand so on.")

    assert shown.count(".. code-block:: python") == 1
    assert "   a = 1\n" in shown
    assert shown.endswith("and so on.")


def test_a_tree_in_a_docstring_stays_a_tree() -> None:
    shown = docstring_fields.prose("Errors.\n\nError\n├── ConfigError\n└── BusyError")

    assert shown.endswith(".. code-block:: text\n\n   Error\n   ├── ConfigError\n   └── BusyError")
