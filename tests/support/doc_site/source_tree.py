"""The pages of the site as Sphinx reads them: documents, reference and statements in one folder.

Documents stay what GitHub shows. Here they get their places in the site, their links are led
there, and what they link to that is no page, such as a file of Python, becomes a page of its text.
"""

import posixpath
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.support.doc_site import reference_pages, sql_pages

ROOT = Path(__file__).resolve().parents[3]
FRONT = "docs/README.md"
KINDS = ("Tutorials", "How-to guides", "Reference", "Explanation", "The project")
"""The headings of the front page whose lists are the navigation."""

_LINK = re.compile(r"(?<=\]\()(?!https?:)([^)#\s]*)(#[^)\s]*)?(?=\))")
_FENCE = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
_LANGUAGES = {".py": "python", ".sql": "postgresql", ".toml": "toml", ".json": "json"}


def documents() -> list[str]:
    """Return the paths of the documents that are pages, in the repository."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def place(path: str) -> str:
    """Return where a file of the repository is in the site, below its root."""
    folder, name = posixpath.split(path)
    if name == "README.md" and folder:
        path = f"{folder}/index.md"
    if path == "docs/api.txt":
        return "reference/index.rst"
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"project/{path.lower()}" if path.endswith(".md") else f"files/{path}.rst"


def write(folder: Path) -> None:
    """Write every page.

    Raises:
        ValueError: a link leads to no file; a page is in no list of the front page.
    """
    others: set[str] = set()
    records = _records()
    for path in documents():
        text, linked = _led(path, (ROOT / path).read_text())
        if path == FRONT:
            text += _navigation()
        if path in records:
            # The table of decisions leads to it; in the navigation it would be one of hundreds.
            text = f"---\norphan: true\n---\n\n{text}"
        others |= linked
        _put(folder / place(path), text)
    for path in sorted(others):
        _add(folder, path)
    for path, text in (*reference_pages.pages(), *sql_pages.pages()):
        _put(folder / path, text)


def _records() -> set[str]:
    return {path for path in documents() if re.match(r"docs/decisions/\d", path)}


def _put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _led(path: str, text: str) -> tuple[str, set[str]]:
    """Return a document with its links as they are in the site, and the files that they lead to."""
    linked: set[str] = set()

    def lead(found: "re.Match[str]") -> str:
        if not found[1]:
            return found[0]
        target = _target(path, found[1])
        linked.add(target)
        start = posixpath.dirname(place(path))
        return posixpath.relpath(place(target), start or ".") + (found[2] or "")

    parts = _FENCE.split(text)
    parts[::2] = [_LINK.sub(lead, part) for part in parts[::2]]
    return "".join(parts), linked - {*documents(), "docs/api.txt"}


def _target(path: str, link: str) -> str:
    """Return the file that a link in a document leads to.

    Raises:
        ValueError: there is none, or it is outside of the repository.
    """
    target = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if (ROOT / target).is_dir():
        target = f"{target}/README.md"
    if target.startswith("..") or not (ROOT / target).is_file():
        raise ValueError(f"{path}: the link {link} leads to no file of the repository")
    return target


def _add(folder: Path, path: str) -> None:
    """Copy a picture; write a page of the text of another file."""
    file = ROOT / path
    if file.suffix in {".png", ".svg"}:
        goal = folder / path.removeprefix("docs/")
        goal.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, goal)
        return
    language = _LANGUAGES.get(file.suffix, "text")
    lines = "".join(f"   {line}".rstrip() + "\n" for line in file.read_text().splitlines())
    head = f"{path}\n{'=' * len(path)}\n\n"
    _put(folder / place(path), f":orphan:\n\n{head}.. code-block:: {language}\n\n{lines}")


def _navigation() -> str:
    """Return the navigation, hidden in the front page, from the lists of the front page."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:titlesonly:\n:caption: {kind}\n\n{names}\n```\n"
        for kind, names in ((kind, "\n".join(pages)) for kind, pages in listed().items())
    )


def listed() -> dict[str, list[str]]:
    """Return the pages of each kind, as the front page lists them.

    Raises:
        ValueError: a document is in none of these lists, or in more than one.
    """
    text = (ROOT / FRONT).read_text()
    found = {kind: list(_links(text, kind)) for kind in KINDS}
    every = [page for pages in found.values() for page in pages]
    wanted = {*documents(), "docs/api.txt"} - _records() - {FRONT}
    wrong = sorted(wanted - {*every}) + sorted({each for each in every if every.count(each) > 1})
    if wrong:
        raise ValueError(
            f"{FRONT} lists each page once, below {', '.join(KINDS)}; not so: {', '.join(wrong)}"
        )
    return {
        kind: [f"/{posixpath.splitext(place(page))[0]}" for page in pages]
        for kind, pages in found.items()
    }


def _links(text: str, kind: str) -> Iterator[str]:
    section = re.search(rf"^## {kind}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    for found in _LINK.finditer(section[1] if section else ""):
        yield _target(FRONT, found[1])
