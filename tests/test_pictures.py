"""The drawings of the documents: those of the schema, and the recordings of commands."""

import re
from pathlib import Path

import pytest

from tests.support import recordings, schema_drawings
from tests.support.command_line import oadb

DOCS = schema_drawings.DOCS
RECORDINGS = ("demo", "doctor", "explain", "plan")


def text(name: str) -> str:
    """Return the text of a recording, in lines."""
    lines: dict[float, str] = {}
    pattern = r'<text [^>]*?y="([\d.]+)"[^>]*>([^<]*)</text>'
    for place, part in re.findall(pattern, (recordings.FOLDER / f"{name}.svg").read_text()):
        lines[float(place)] = lines.get(float(place), "") + part.replace("&#160;", " ")
    return "\n".join(line.rstrip() for line in lines.values())


def test_the_page_and_the_drawings_of_the_schema_are_those_of_a_migrated_database(
    shared_url: str,
) -> None:
    made = schema_drawings.files(shared_url)
    there = {path: (DOCS / path).read_text() for path in made}

    assert made == there, "python -m tests.support.schema_drawings"
    assert {*DOCS.glob("schema/*")} == {DOCS / path for path in made} - {DOCS / "schema.md"}


def test_every_table_is_drawn_once() -> None:
    drawn = re.findall(
        r'class="name"[^>]*>(\w+)<', "".join(p.read_text() for p in DOCS.glob("schema/*.svg"))
    )
    sql = (DOCS.parent / "sql" / "schema.sql").read_text()
    tables = re.findall(r"^create (?:unlogged )?table oadb\.(\w+) \($", sql, re.MULTILINE)

    assert sorted(drawn) == sorted(tables)


@pytest.mark.parametrize("path", sorted(DOCS.rglob("*.svg")), ids=lambda path: path.name)
def test_a_drawing_loads_nothing_and_names_no_folder_of_a_machine(path: Path) -> None:
    shown = path.read_text()

    assert re.findall(r"https?://[^\"<) ]+", shown) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"url\((?!#)|@import|<script|/tmp/|/dev/shm|/home/|/root/", shown)


def test_the_page_of_recordings_shows_each_of_them() -> None:
    shown = re.findall(r"\(terminal/(\w+)\.svg\)", (DOCS / "terminal.md").read_text())

    assert tuple(shown) == RECORDINGS
    assert sorted(path.stem for path in recordings.FOLDER.iterdir()) == sorted(RECORDINGS)


@pytest.mark.long("looks at everything")
def test_the_recording_of_doctor_has_the_checks_of_today(shared_url: str) -> None:
    done = oadb("doctor", url=shared_url)
    checks = [line.split(":")[0][5:] for line in done.stdout.splitlines()]
    recorded = re.findall(r"^(?:ok  |warn|FAIL) (\S[^:]*):", text("doctor"), re.MULTILINE)

    assert recorded == checks, "python -m tests.support.recordings"


def test_the_recording_of_a_changed_plan_names_the_statement_and_both_plans() -> None:
    shown = text("plan")

    assert "sql/queries/orders.sql:31: orders.get grows like O(n)" in shown
    assert "-Index Scan orders_pkey of shop.orders" in shown
    assert "Seq Scan shop.orders" in shown


@pytest.mark.long("starts commands")
def test_the_recording_of_explain_is_what_it_shows(shared_url: str) -> None:
    shown = recordings.run(*recordings.EXPLAINED.split()[1:], DATABASE_URL=shared_url)
    plain = re.sub(r"\x1b\[[\d;]*m|\d+", "", shown).split()

    assert re.sub(r"\d+", "", text("explain")).split()[-len(plain) :] == plain
