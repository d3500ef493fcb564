"""Documents that build a service: their files and commands do what they say."""

import re
from pathlib import Path

from oadb.testing.servers import Server
from tests.support.documented import DOCS, build


def test_a_service_is_built_by_following_the_document(tmp_path: Path, oadb_server: Server) -> None:
    with oadb_server.clone("template1") as url:
        printed = build(DOCS / "your-own-tables.md", tmp_path, url)

    assert printed[:2] == ["would apply 0001_create_notes", "applied 0001_create_notes"]
    assert printed[2].startswith("applied    0001_create_notes")
    assert printed[3:] == ["all declarations agree with the database", "Sell the chair", "1000"]


def test_the_comparison_shows_what_its_commands_print(tmp_path: Path, oadb_server: Server) -> None:
    document = DOCS / "comparison.md"
    with oadb_server.clone("template1") as url:
        applied, agreed, *found = build(document, tmp_path, url)

    assert applied == "applied 0001_create_books"
    assert agreed == "all declarations agree with the database"
    assert len(found) == 10
    shown = re.findall(r"^library\.books:.*", document.read_text(), re.MULTILINE)
    assert len(shown) == 2
    assert {*shown} <= {*found}
