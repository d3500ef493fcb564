"""Documents that build a service: their files and commands do what they say."""

import re
from pathlib import Path

import pytest

from oadb.testing.servers import Server
from tests.support.documented import DOCS, build


def without_progress(lines: list[str]) -> list[str]:
    """Return what commands printed, without when migrations begin and how long each takes."""
    return [re.sub(r" in \d.*", "", line) for line in lines if not line.startswith("applying ")]


@pytest.mark.long("starts every command of the document")
def test_a_service_is_built_by_following_the_document(tmp_path: Path, oadb_server: Server) -> None:
    with oadb_server.clone("template1") as url:
        built = build(DOCS / "your-own-tables.md", tmp_path, url)

    migrated, served, walled = (without_progress(lines) for lines in built)
    assert migrated[0] == "ok   notes 0001_create_notes: nobody waits for it"
    assert migrated[2] == "applied 0001_create_notes"
    assert migrated[3].startswith("applied    0001_create_notes")
    assert migrated[4:] == [
        "all declarations agree with the database",
        "notes: the schema is the intended one at level 0001_create_notes",
    ]
    assert served == ["Sell the chair", "1000"]
    assert walled[0] == "applied 0001_create_schema", "those of oadb come first"
    assert "applied 0002_create_drafts" in walled
    assert any("2 passed" in line for line in walled)


@pytest.mark.long("starts every command of the document")
def test_the_comparison_shows_what_its_commands_print(tmp_path: Path, oadb_server: Server) -> None:
    document = DOCS / "comparison.md"
    with oadb_server.clone("template1") as url:
        [applied, agreed, *found] = [
            line for lines in build(document, tmp_path, url) for line in without_progress(lines)
        ]

    assert applied == "applied 0001_create_books"
    assert agreed == "all declarations agree with the database"
    shown = re.findall(r"^library\.books:.*", document.read_text(), re.MULTILINE)
    assert len(shown) == 2
    assert shown == found
