"""What the documents show is run: Python, shell and SQL blocks, and the links between them."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from oadb.security import keyring_file
from tests.conftest import RING
from tests.importing.openalgo import ENVIRON, Installation

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
# The two commands install; .ci/run takes them from the README and runs them as written.
INSTALLS = ".venv/bin/pip install"

ROWS = (
    "instrument_token,exchange_token,tradingsymbol,name,last_price,expiry,strike,tick_size,"
    "lot_size,instrument_type,segment,exchange\n"
    "13623298,53216,NIFTY25JULFUT,NIFTY,0.0,2025-07-31,0.0,0.1,75,FUT,NFO-FUT,NFO\n"
)


def blocks(document: Path, language: str) -> list[str]:
    fenced = rf"^ *```{language}\n(.*?)^ *```"
    return re.findall(fenced, document.read_text(), re.MULTILINE | re.DOTALL)


def shell_blocks() -> Iterator[tuple[str, str]]:
    for document in DOCUMENTS:
        for block in blocks(document, "sh"):
            if INSTALLS not in block:
                yield document.name, block


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_says_what_it_is(document: Path) -> None:
    fences = re.findall(r"^ *```(\w*)$", document.read_text(), re.MULTILINE)

    assert set(fences[::2]) <= {"python", "sh", "sql", "text"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_in_a_document_runs_from_top_to_bottom(
    document: Path, oadb_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", oadb_database_url)
    monkeypatch.setenv("OADB_KEYRING", RING.to_json())
    (tmp_path / "instruments.csv").write_text(ROWS)
    names: dict[str, object] = {}
    for block in blocks(document, "python"):
        exec(compile(block, document.name, "exec"), names)


@pytest.mark.parametrize(("name", "block"), [*shell_blocks()])
def test_shell_in_a_document_runs(
    name: str, block: str, oadb_database_url: str, tmp_path: Path
) -> None:
    command = shutil.which("oadb", path=str(Path(sys.executable).parent))
    assert command is not None
    environment = {
        "PATH": f"{Path(command).parent}:/usr/bin:/bin",
        "DATABASE_URL": oadb_database_url,
        "OADB_KEYRING_FILE": str(tmp_path / "ring.json"),
    }
    keyring_file.write(tmp_path / "ring.json", RING)
    (tmp_path / ".env").write_text("".join(f"{k} = '{v}'\n" for k, v in ENVIRON.items()))
    (tmp_path / "db").mkdir()
    Installation(tmp_path / "db").add_asha()

    done = subprocess.run(
        ["bash", "-euc", block],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0, (name, done.stdout, done.stderr)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_sql_in_a_document_stands_in_a_query_file(document: Path) -> None:
    files = [path.read_text() for path in ROOT.glob("sql/queries/*.sql")]
    for block in blocks(document, "sql"):
        assert any(block in text for text in files), block


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target
