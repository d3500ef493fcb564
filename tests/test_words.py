"""Words that are not used again: docs/glossary.md lists them beside what replaced them."""

import ast
import io
import re
import tokenize
from pathlib import Path

from oadb.engine.binding.lexer import tokens

ROOT = Path(__file__).resolve().parent.parent
GLOSSARY = ROOT / "docs" / "glossary.md"
FILES = sorted(
    path
    for pattern in (
        "*.md",
        "docs/**/*.md",
        "oadb/**/*.py",
        "tests/**/*.py",
        "sql/queries/**/*.sql",
        "sql/optional/**/*.sql",
    )
    for path in ROOT.glob(pattern)
    # The comments of tables, as migrations wrote them that are never edited.
    if path != ROOT / "docs" / "schema.md"
)
MODULES = sorted(ROOT.glob("oadb/**/*.py"))


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def once(heading: str) -> list[str]:
    """Return what stands in the left column of a table of the glossary."""
    _, _, section = GLOSSARY.read_text().partition(f"\n## {heading}\n")
    rows = [line for line in section.partition("\n## ")[0].splitlines() if line.startswith("| ")]
    return [word.strip() for row in rows[2:] for word in row.split(" | ")[0].strip("| ").split(",")]


PHRASES = once("Phrases once used")
GIVEN_UP = re.compile(rf"\b({'|'.join(PHRASES)})s?\b(?! longer)", re.IGNORECASE)
NAMES = [name.strip("`") for name in once("Names once used")]
NAMED = re.compile(rf"\b({'|'.join(NAMES)})\b")


def prose(path: Path) -> list[tuple[int, str]]:
    """Return what a file says to its readers, by line: text, docstrings, comments."""
    text = path.read_text()
    if path.suffix == ".sql":
        return [
            (text.count("\n", 0, token.start) + 1, token.text)
            for token in tokens(text)
            if token.kind == "comment"
        ]
    if path.suffix == ".py":
        return [*docstrings(text), *comments(text)]
    before, _, _ = text.partition("\n## Phrases once used\n")
    return [*enumerate(before.splitlines(), 1)]


def docstrings(text: str) -> list[tuple[int, str]]:
    """Return strings that are statements: docstrings, also those of constants and fields."""
    found = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Expr))
    constants = (node for node in found if isinstance(node, ast.Constant))
    return [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]


def comments(text: str) -> list[tuple[int, str]]:
    read = tokenize.generate_tokens(io.StringIO(text).readline)
    return [(token.start[0], token.string) for token in read if token.type == tokenize.COMMENT]


def used(text: str) -> list[str]:
    return GIVEN_UP.findall(" ".join(text.split()))


def test_no_text_has_a_phrase_that_was_given_up() -> None:
    # A few files have one in their code: only there is prose told apart, which takes long.
    assert [
        f"{shown(path)}:{line}: {word}"
        for path in FILES
        if used(path.read_text())
        for line, text in prose(path)
        for word in used(text)
    ] == []


def names_in(path: Path) -> set[str]:
    read = tokenize.generate_tokens(io.StringIO(path.read_text()).readline)
    return {token.string for token in read if token.type == tokenize.NAME} | {path.stem}


def test_no_module_has_a_name_that_was_given_up() -> None:
    # A few modules have one in their prose: only there are names told apart, which takes long.
    suspected = [path for path in MODULES if NAMED.search(path.stem + " " + path.read_text())]
    given_up = {shown(path): names_in(path).intersection(NAMES) for path in suspected}

    assert {path: names for path, names in given_up.items() if names} == {}


def test_phrases_and_names_are_read_from_the_glossary() -> None:
    assert {"for ever", "whoever"} <= {*PHRASES}
    assert {"Shelf", "conclude"} <= {*NAMES}
    assert NAMED.findall("Shelf bookshelf _Shelf conclude()") == ["Shelf", "conclude"]
    assert used("Nothing stays for\never.") == ["for ever"]
    assert used("It lasts forever.") == []
