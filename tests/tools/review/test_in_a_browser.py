"""The pages of the book in a real browser, from their files: no server serves them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.browser import Page, opened

pytestmark = pytest.mark.slow

DESKTOP, PHONE = 1280, 390
WIDTHS = (DESKTOP, PHONE, 360)
THEMES = ("light", "dark")

PALE = """
(() => {
  const light = (color) => {
    const [r, g, b] = color.match(/[\\d.]+/g).slice(0, 3).map((each) => {
      const part = each / 255;
      return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = getComputedStyle(each).backgroundColor;
      if (color !== "rgba(0, 0, 0, 0)") return color;
    }
    return "rgb(255, 255, 255)";
  };
  const pale = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility() || element.closest(".skip")) continue;
    const style = getComputedStyle(element);
    const text = element.closest("svg") ? style.fill : style.color;
    const [dark, bright] = [light(text), light(ground(element))].sort((a, b) => a - b);
    if ((bright + 0.05) / (dark + 0.05) < 4.5) pale.push(element.outerHTML.slice(0, 120));
  }
  return pale;
})()
"""

WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with opened(tmp_path_factory.mktemp("chromium")) as page:
        yield page


def every_kind(pages: Path) -> list[str]:
    """Return the address of one page of each kind, the longest."""
    kinds = ("statements", "tables", "migrations")
    longest = (
        max(pages.glob(f"{kind}/*.html"), key=lambda path: path.stat().st_size) for kind in kinds
    )
    files = [pages / "index.html", *longest]
    return [path.as_uri() for path in files]


def test_pages_have_no_errors_no_sideways_scrolling_and_no_pale_text(
    page: Page, pages: Path
) -> None:
    for url in every_kind(pages):
        for width in WIDTHS:
            for theme in THEMES:
                page.show(url, width, theme=theme)

                assert page.events("Runtime.exceptionThrown", "Log.entryAdded") == [], url
                assert page.events("Runtime.consoleAPICalled") == [], url
                assert page.run(WIDER) <= 0, (url, width)
                assert page.run(PALE) == [], (url, theme)


def test_nothing_is_loaded_from_elsewhere(page: Page, pages: Path) -> None:
    for url in every_kind(pages):
        page.show(url, DESKTOP)
        asked = [each["request"]["url"] for each in page.events("Network.requestWillBeSent")]

        assert asked
        assert {each.partition(":")[0] for each in asked} <= {"file", "data"}


def test_search_works_by_keyboard_alone(page: Page, pages: Path) -> None:
    page.show((pages / "index.html").as_uri(), DESKTOP)
    for key in ("/", "e", "n", "t", "r"):
        page.press(key)
    assert page.run("document.activeElement.id") == "search"
    assert page.run("document.getElementById('search').value") == "entr"
    chosen = "document.querySelector('#results [aria-selected=true] b').textContent"
    first = page.run(chosen)

    page.press("ArrowDown")
    second = page.run(chosen)
    page.press("ArrowUp")

    assert first != second
    assert page.run(chosen) == first
    page.said.clear()
    page.press("Enter")
    while not page.events("Page.loadEventFired"):
        page.run("1")
    assert page.run("document.querySelector('h1').textContent") == first


def test_escape_closes_the_results(page: Page, pages: Path) -> None:
    page.show((pages / "index.html").as_uri(), PHONE)
    page.press("/")
    page.press("a")
    assert page.run("document.getElementById('results').hidden") is False

    page.press("Escape")

    assert page.run("document.getElementById('results').hidden") is True


def test_the_first_stop_of_the_keyboard_skips_to_the_content(page: Page, pages: Path) -> None:
    page.show((pages / "index.html").as_uri(), DESKTOP)

    page.press("Tab")

    assert page.run("document.activeElement.className") == "skip"
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.press("Enter")
    assert page.run("document.activeElement.id") == "content"


@pytest.mark.parametrize("theme", THEMES)
def test_the_button_switches_the_theme_and_the_next_page_keeps_it(
    page: Page, pages: Path, theme: str
) -> None:
    other = "dark" if theme == "light" else "light"
    page.show((pages / "index.html").as_uri(), DESKTOP, theme=theme)
    page.run("localStorage.clear()")
    page.show((pages / "index.html").as_uri(), DESKTOP, theme=theme)
    before = page.run("getComputedStyle(document.body).backgroundColor")

    page.run("document.getElementById('theme').click()")

    assert page.run("document.documentElement.dataset.theme") == other
    assert page.run("getComputedStyle(document.body).backgroundColor") != before
    page.show(every_kind(pages)[1], DESKTOP, theme=theme)
    assert page.run("document.documentElement.dataset.theme") == other
    page.run("localStorage.clear()")


def test_a_picture_of_each_kind_of_page_is_drawn(page: Page, pages: Path) -> None:
    for url in every_kind(pages):
        for width in (DESKTOP, PHONE):
            page.show(url, width)

            assert len(page.picture()) > 10_000
