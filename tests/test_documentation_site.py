"""The site of the documents, as it is built: every name, no other host, and its search.

With OADB_SITE, the site is left in the folder of that name.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import pytest
from sphinx.util.inventory import InventoryFile

from tests.support import public_api
from tests.support.browser import Page, opened

# The build takes 25 s of a core, and may have to share it with a dozen other processes.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

WIDTHS = (1280, 390)
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
RESULTS = "[...document.querySelectorAll('ul.search > li > a')].map((each) => each.textContent)"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of the site, built with every warning an error."""
    folder = Path(os.environ.get("OADB_SITE") or tmp_path_factory.mktemp("built") / "site")
    done = subprocess.run(
        [sys.executable, "-m", "tests.support.doc_site", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return folder


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened(tmp_path_factory.mktemp("chromium")) as page:
        yield page


class Elements(HTMLParser):
    """The ids, the links and what a page of HTML loads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given["id"]} if "id" in given else set()
        address = given.get("href", given.get("src", given.get("data", "")))
        if tag == "a" and address:
            self.links.append(address)
        elif address and not (tag == "link" and given.get("rel") in {"next", "prev", "search"}):
            self.loaded.append(address)


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Elements]:
    return {path: Elements(path.read_text()) for path in site.rglob("*.html")}


def test_every_public_name_has_an_entry_and_so_do_its_members(site: Path) -> None:
    inventory = InventoryFile.loads((site / "objects.inv").read_bytes(), uri="")
    entries = {
        name for kind, names in inventory.data.items() if kind[:3] == "py:" for name in names
    }
    wanted = set()
    for each in public_api.names():
        lines = public_api.described(each)
        members = (re.match(r"    (?:async )?(\w+)", line) for line in lines[1:])
        wanted |= {each.label, *(f"{each.label}.{found[1]}" for found in members if found)}

    assert wanted - entries == set()


def test_the_entry_of_a_query_leads_to_its_sql_and_to_what_it_returns(site: Path) -> None:
    shown = (site / "reference" / "oadb.accounts.users.html").read_text()
    entry = shown.partition('id="oadb.accounts.users.find_by_email"')[2].partition('"py ')[0]

    assert "Return the user with an address, in any letter case" in entry
    assert re.search(r'href="\.\./sql/accounts/users\.html#[\w-]*find-by-email"', entry)
    assert 'href="#oadb.accounts.users.User"' in entry


def test_no_page_loads_anything_from_another_host(site: Path, pages: dict[Path, Elements]) -> None:
    loaded = [each for page in pages.values() for each in page.loaded]
    styles = "".join(path.read_text() for path in site.rglob("*.css"))

    assert len(loaded) > 100
    assert [each for each in loaded if re.match(r"\w+:|//", each) and each[:5] != "data:"] == []
    assert re.findall(r"@import|url\(\s*[\"']?(?:https?:)?//", styles) == []


def test_every_link_within_the_site_leads_to_a_page_and_a_place_in_it(
    pages: dict[Path, Elements],
) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"\w+:", link):
                continue
            name, _, anchor = unquote(link).partition("#")
            target = (path.parent / name).resolve() if name else path.resolve()
            found = pages.get(target)
            if not target.exists() or (anchor and found and anchor not in found.ids):
                broken.append(f"{path.name}: {link}")

    assert [each for each in broken if not each.endswith("#")] == []


def test_pages_have_no_errors_and_no_sideways_scrolling(page: Page, site: Path) -> None:
    for name in ("index", "usage", "schema", "reference/oadb.accounts.users", "sql/index"):
        for width in WIDTHS:
            for theme in ("light", "dark"):
                page.show((site / f"{name}.html").as_uri(), width, theme=theme)
                asked = [
                    each["request"]["url"] for each in page.events("Network.requestWillBeSent")
                ]

                assert page.events("Runtime.exceptionThrown", "Log.entryAdded") == [], name
                assert page.run(WIDER) <= 0, (name, width)
                assert {each.partition(":")[0] for each in asked} <= {"file", "data"}


def test_the_search_of_a_folder_of_files_finds_names_and_words(page: Page, site: Path) -> None:
    for words, wanted in (("find_by_email", "users.find_by_email"), ("PgBouncer", "Operations")):
        page.show(f"{(site / 'search.html').as_uri()}?q={words}", WIDTHS[0])
        while "found" not in page.run("document.querySelector('.search-summary').textContent"):
            pass

        assert any(wanted in each for each in page.run(RESULTS)), words
        assert page.events("Runtime.exceptionThrown", "Log.entryAdded") == []
