"""Recordings of commands on a terminal, as drawings for the documents.

``python -m tests.support.recordings`` runs the commands on databases of its own and writes
docs/terminal/*.svg. What differs from run to run, such as times, is recorded as it was.
"""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from oadb.engine import dsn
from oadb.testing.servers import server
from oadb.tools.migrations.runner import migrate
from tests.support.terminals import on_terminal

_ROOT = Path(__file__).resolve().parents[2]
FOLDER = _ROOT / "docs" / "terminal"
WIDTH = 100

# The temporary server and its database have other names each time.
_ADDRESS = re.compile(r"postgres@\S+")
_PLAIN = "postgres@/run/postgresql:5432/oadb"

# Rich's own has fonts from another host.
_SVG = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg" role="img">
<style>
.{unique_id}-matrix {{ font: {char_height}px ui-monospace, Menlo, Consolas, monospace;
  line-height: {line_height}px }}
.{unique_id}-title {{ font: bold 18px sans-serif }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def drawing(command: str, shown: str) -> str:
    """Return what a terminal showed after a command, as a drawing."""
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    console.print(Text(f"$ {command}", style="bold"))
    console.print(Text.from_ansi(shown.replace("\r\n", "\n")), soft_wrap=False)
    name = f"t{sha256(command.encode()).hexdigest()[:8]}"
    text = console.export_svg(
        title=command, theme=MONOKAI, code_format=_SVG, unique_id=name, font_aspect_ratio=0.61
    )
    return re.sub(r"[ \t]+$", "", text, flags=re.MULTILINE)


def run(*arguments: str, **environ: str) -> str:
    """Return what a command shows on a terminal of 100 columns, with its colors."""
    fixed = {"COLUMNS": str(WIDTH), "TERM": "xterm-256color", "NO_COLOR": ""}
    return on_terminal(*arguments, answers=[], **(fixed | environ))[1]


def recorded() -> Iterator[tuple[str, str]]:
    """Yield the name of each recording, and its drawing."""
    # A bar that moves would stand still in a drawing.
    yield "demo", drawing("oadb demo", run("demo", TERM="dumb"))
    with migrated() as url:
        yield (
            "doctor",
            drawing("oadb doctor", _ADDRESS.sub(_PLAIN, run("doctor", DATABASE_URL=url))),
        )
        yield "explain", drawing(EXPLAINED, run(*EXPLAINED.split()[1:], DATABASE_URL=url))
    with changed_shop() as path:
        checked = run("plan", "--check", "--package", "shop", PYTHONPATH=path)
        yield "plan", drawing("oadb plan --check", checked)


EXPLAINED = "oadb explain security_events.list_by_user"


@contextmanager
def migrated() -> Iterator[str]:
    """Give the URL of a new database with oadb's schema."""
    with server() as chosen, chosen.clone("template1") as url:
        migrate(dsn.parse(url))
        yield url


@contextmanager
def changed_shop() -> Iterator[str]:
    """Give the PYTHONPATH of a shop in which a statement no longer uses its index."""
    with TemporaryDirectory() as folder:
        shop = Path(folder) / "shop"
        shutil.copytree(_ROOT / "tests" / "shop", shop)
        statements = shop / "sql" / "queries" / "orders.sql"
        before = statements.read_text()
        after = before.replace(
            "where orders.order_id = :order_id;", "where orders.order_id + 0 = :order_id;"
        )
        if after == before:
            raise ValueError(f"{statements}: the statement that is changed is another one now")
        statements.write_text(after)
        yield f"{shop / 'src'}:{_ROOT}"


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for each, text in recorded():
        sys.stderr.write(f"{each}\n")
        (FOLDER / f"{each}.svg").write_text(text)
