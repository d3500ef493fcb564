"""Documents: their Python, shell and SQL blocks run; their links, paths and tables are right."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import psycopg
import pytest

from oadb.engine.binding.packages import find
from oadb.engine.dsn import Dsn
from oadb.security import keyring_file
from oadb.testing.control import controlled
from oadb.tools import maintenance
from oadb.tools.migrations.runner import migrate, rollback
from oadb.tools.retention import DEFAULT_DAYS
from tests.conftest import RING, configured
from tests.importing.openalgo import ENVIRON, Installation
from tests.support import kite_lines, shell
from tests.support.each import for_each
from tests.test_house import ARROWS, SUBJECTS

ROOT = Path(__file__).resolve().parent.parent
OWN_TABLES = ROOT / "docs" / "your-own-tables.md"
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {OWN_TABLES})
# The first four build a service: test_own_tables.py, test_pytest_plugin.py and test_tutorial.py run
# their blocks.
# Those of the runbook need servers of their own, in tests/drills, and those of changes a large
# table: test_online_changes.py. Those of workers are files of a service: tests/workers.
ELSEWHERE = {
    OWN_TABLES,
    *(
        ROOT / "docs" / f"{page}.md"
        for page in ("comparison", "testing", "tutorial", "operations", "online-changes", "workers")
    ),
}
ALONE = [document for document in DOCUMENTS if document not in ELSEWHERE]
# The two commands install; .ci/run takes them from the README and runs them as written.
INSTALLS = ".venv/bin/pip install"
EXPORTED = "export DATABASE_URL=postgresql://oadb@localhost/oadb\n"


def shown_path(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(document: Path, language: str) -> list[str]:
    fenced = rf"^ *```{language}\n(.*?)^ *```"
    return re.findall(fenced, document.read_text(), re.MULTILINE | re.DOTALL)


def shell_blocks() -> Iterator[tuple[str, str]]:
    """Yield single blocks, or all blocks of a document that begins by naming its database."""
    for document in ALONE:
        found = [block for block in blocks(document, "sh") if INSTALLS not in block]
        joined = ["".join(found)] if EXPORTED in "".join(found) else found
        for number, block in enumerate(joined, 1):
            yield f"{shown_path(document)} {number}", block


SHELL = dict(shell_blocks())
WITH_PYTHON = [document for document in ALONE if blocks(document, "python")]


@for_each("document", DOCUMENTS, shown_path)
def test_every_block_says_what_it_is(document: Path) -> None:
    fences = re.findall(r"^ *```(\w*)$", document.read_text(), re.MULTILINE)

    assert set(fences[::2]) <= {"python", "sh", "sql", "text"}


@pytest.mark.long("runs all examples of a page")
@pytest.mark.parametrize("document", WITH_PYTHON, ids=shown_path)
def test_python_in_a_document_runs_from_top_to_bottom(
    document: Path, oadb_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", oadb_database_url)
    monkeypatch.setenv("OADB_KEYRING", RING.to_json())
    (tmp_path / "instruments.csv").write_text(kite_lines.text(*kite_lines.whole()))
    names: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(document, "python"):
        exec(compile(block, document.name, "exec"), names)


@pytest.mark.long("runs the commands of a page, some of which start servers")
@pytest.mark.parametrize("block", SHELL.values(), ids=SHELL)
def test_shell_in_a_document_runs(
    block: str, oadb_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {}
    if EXPORTED in block:
        block = block.replace(EXPORTED, f"export DATABASE_URL={shlex.quote(oadb_database_url)}\n")
    else:
        environ["DATABASE_URL"] = oadb_database_url
        environ["OADB_KEYRING_FILE"] = str(tmp_path / "ring.json")
    keyring_file.write(tmp_path / "ring.json", RING)
    (tmp_path / ".env").write_text("".join(f"{k} = '{v}'\n" for k, v in ENVIRON.items()))
    (tmp_path / "db").mkdir()
    Installation(tmp_path / "db").add_asha()

    shell.run(block, tmp_path, environ)


@pytest.mark.long("starts commands")
def test_the_installed_command_runs(oadb_database_url: str) -> None:
    command = Path(sys.executable).parent / "oadb"
    done = subprocess.run(
        [command, "doctor"],
        env={"DATABASE_URL": oadb_database_url},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "FAIL" not in done.stdout


@for_each("document", ALONE, shown_path)
def test_sql_in_a_document_stands_in_a_query_file(document: Path) -> None:
    files = [path.read_text() for path in ROOT.glob("sql/queries/**/*.sql")]
    for block in blocks(document, "sql"):
        assert block in RECIPES or any(block in text for text in files), block


RECIPES = blocks(ROOT / "docs" / "security.md", "sql")
"""SQL for a superuser: to migrate as another role, and to transfer ownership to it."""


@pytest.fixture
def superuser() -> Iterator[psycopg.Connection[Any]]:
    """Give a session on a private server, because roles belong to a server."""
    with controlled() as control, psycopg.connect(control.url, autocommit=True) as connection:
        yield connection


def follow(superuser: psycopg.Connection[Any], recipe: str) -> None:
    """Run a recipe as psql does, which replaces the name of its database."""
    superuser.execute(recipe.replace(':"DBNAME"', superuser.info.dbname).encode())


def owners(superuser: psycopg.Connection[Any]) -> set[str]:
    """Return the owners of the tables and functions of oadb and yoyo."""
    return {
        owner
        for (owner,) in superuser.execute("""
            select relowner::regrole::text from pg_class
            where relnamespace = 'oadb'::regnamespace or relname like '%yoyo%'
            union select proowner::regrole::text from pg_proc
            where pronamespace = 'oadb'::regnamespace
            union select nspowner::regrole::text from pg_namespace where nspname = 'oadb'
        """)
    }


def migrating(superuser: psycopg.Connection[Any]) -> Dsn:
    info = superuser.info
    place = {"host": info.host, "port": str(info.port), "dbname": info.dbname}
    return Dsn({**place, "user": "oadb_migrate"})


@pytest.mark.long("migrates on a server of its own")
def test_a_role_of_its_own_migrates_from_the_start(superuser: psycopg.Connection[Any]) -> None:
    follow(superuser, RECIPES[0])
    migrate(migrating(superuser))
    superuser.execute("call oadb.create_roles()")
    superuser.execute("call oadb.grant_privileges()")

    assert owners(superuser) == {"oadb_owner"}
    rollback(migrating(superuser), count=3)
    migrate(migrating(superuser))
    assert owners(superuser) == {"oadb_owner"}


@pytest.mark.long("migrates on a server of its own")
def test_what_a_superuser_migrated_is_given_to_a_role_of_its_own(
    superuser: psycopg.Connection[Any],
) -> None:
    migrate(Dsn({**migrating(superuser).keywords, "user": superuser.info.user}))
    assert owners(superuser) == {superuser.info.user}
    follow(superuser, RECIPES[1])

    assert owners(superuser) == {"oadb_owner"}
    rollback(migrating(superuser), count=3)
    migrate(migrating(superuser))
    assert owners(superuser) == {"oadb_owner"}
    owner = replace(configured("postgresql://x"), dsn=migrating(superuser))
    found = maintenance.run(owner, dict.fromkeys(DEFAULT_DAYS))
    assert [finding for finding in found if not finding.ok] == []


# Links and paths -------------------------------------------------------------------------------


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub makes of a document's headings."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@for_each("document", DOCUMENTS, shown_path)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)]+)\)", document.read_text()):
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@for_each("document", DOCUMENTS, shown_path)
def test_files_that_a_document_names_exist(document: Path) -> None:
    text = document.read_text()
    named = re.findall(r"`((?:oadb|sql|tests|docs)/[\w./-]+)`", text)
    written = re.findall(r"^In `([^`]+)`", text, re.MULTILINE)  # of a service that it builds

    assert [path for path in named if not (path in written or (ROOT / path).exists())] == []


@for_each("document", DOCUMENTS, shown_path)
def test_modules_and_tables_that_a_document_names_exist(document: Path) -> None:
    named = re.findall(r"`(oadb\.[a-z_.]+)`", document.read_text())
    declared = "".join(
        path.read_text() for path in [*ROOT.glob("sql/migrations/*.sql"), ROOT / "pyproject.toml"]
    )

    def exists(name: str) -> bool:
        module = ROOT.joinpath(*name.split("."))
        return module.is_dir() or module.with_suffix(".py").exists() or name in declared

    assert [name for name in named if not exists(name)] == []


@for_each("document", DOCUMENTS, shown_path)
def test_tests_that_a_document_names_exist(document: Path) -> None:
    named = re.findall(r"`(test_\w+)`", document.read_text())

    assert [name for name in named if f"def {name}(" not in all_tests()] == []


@cache
def all_tests() -> str:
    return "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))


# The map ---------------------------------------------------------------------------------------


def contributing(heading: str) -> list[list[str]]:
    """Return the cells of a table in CONTRIBUTING.md by its heading."""
    _, _, below = (ROOT / "CONTRIBUTING.md").read_text().partition(heading)
    lines = takewhile(lambda line: line.startswith("| "), below.splitlines()[1:])
    return [[cell.strip() for cell in line.split(" |")[:3]] for line in lines]


def code(cell: str) -> list[str]:
    return re.findall(r"`([\w.]+)`", cell)


def test_the_table_of_rooms_says_what_each_may_import() -> None:
    floors = contributing("| room | holds | may import |\n")
    shown = {
        room: {*code(imports), *(SUBJECTS if "the subjects" in imports else ())}
        for rooms, _, imports in floors
        for room in code(rooms)
    }

    assert [*shown] == [*ARROWS]
    assert shown == {room: set(imports) for room, imports in ARROWS.items()}


def test_the_table_of_subjects_names_every_module_with_sql() -> None:
    shown = {
        f"{room}/{module}"
        for rooms, modules, _ in contributing("| room | modules with SQL | other modules |\n")
        for room in code(rooms)
        for module in code(modules)
    }

    assert shown == {place for place in find("oadb").places() if place.startswith(SUBJECTS)}


# Decisions -------------------------------------------------------------------------------------

RECORDS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
HEAD = re.compile(
    r"# (?P<number>\d{4}) (?P<title>.+)\n\n"
    r"- Status: (?P<status>accepted|superseded by \[\d{4}\]\(.+\))\n"
    r"- Date: (?P<date>\d{4}-\d\d-\d\d)\n"
)
SECTIONS = ["Context", "Decision", "Rejected alternatives", "Consequences"]


@for_each("record", RECORDS, shown_path)
def test_a_decision_has_status_date_and_every_section(record: Path) -> None:
    text = record.read_text()
    sections = re.split(r"^## (.+)\n", text, flags=re.MULTILINE)

    assert HEAD.match(text)
    assert [title for title in sections[1::2] if title in SECTIONS] == SECTIONS
    assert all(section.strip() for section in sections[2::2])


def test_the_index_of_decisions_agrees_with_the_records() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    listed = [line for line in index.splitlines() if line.startswith("| [")]
    heads = [(record.name, HEAD.match(record.read_text())) for record in RECORDS]

    assert listed == [
        f"| [{head['number']}]({name}) | {head['title']} | {head['status']} | {head['date']} |"
        for name, head in heads
        if head is not None
    ]
    assert [name[:4] for name, _ in heads] == sorted({head["number"] for _, head in heads if head})


# Figures ---------------------------------------------------------------------------------------


def test_every_figure_at_the_top_of_performance_stands_further_down() -> None:
    page = (ROOT / "docs" / "performance.md").read_text()
    top, _, below = page.partition("\n## Aims of each subject\n")[2].partition("\n## ")
    rows = [line.split(" | ") for line in top.splitlines() if line.startswith("| ")][2:]
    figures = {figure for row in rows for figure in re.findall(r"\d[\d.,]*\d|\d", row[2])}

    assert len(rows) > 20
    assert [
        each for each in sorted(figures) if not re.search(rf"\b{re.escape(each)}\b", below)
    ] == []
