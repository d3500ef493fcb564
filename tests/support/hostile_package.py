"""A small package in a git repository, whose names and comments try to break out of a page."""

import subprocess
from pathlib import Path

NAME = "ledger_of_tests"

MARKUP = "<script>alert(1)</script><img src=x onerror=alert(2)>"

TABLE = 'ledger_of_tests."<b>Rows</b> & ""co"""'

MIGRATION = f"""\
-- Makes the table. {MARKUP}
--
-- Lock: none: nothing is there yet.

set local lock_timeout = '4s';

create schema ledger_of_tests;

create table {TABLE} (
    row_id    bigint generated always as identity,
    "a<i>""b" text not null default '</script><script>alert(3)</script>',
    amount    numeric,
    constraint rows_pkey primary key (row_id)
);

comment on table {TABLE} is '{MARKUP}';
comment on column {TABLE}.amount is 'In rupees. {MARKUP}';

create index rows_amount_idx on {TABLE} (amount);
"""

ROLLBACK = """\
-- Drops it.

set local lock_timeout = '4s';

drop schema ledger_of_tests cascade;
"""

LATER = f"""\
-- depends: 0001_create_ledger
-- Adds a note.
--
-- Lock: access exclusive on rows, for milliseconds.
-- Deploy: before the code.

set local lock_timeout = '4s';

alter table {TABLE} add column note text;
"""

LATER_ROLLBACK = f"""\
-- Drops the note.

set local lock_timeout = '4s';

alter table {TABLE} drop column note;
"""

QUERIES = f"""\
-- Rows.

-- name: get
-- By its key. {MARKUP} Served by rows_pkey.
-- timeout: 500 ms
select
    row_id,
    amount
from {TABLE}
where row_id = :row_id;

-- name: _add
-- scope: all users (a ledger has none)
insert into {TABLE} (amount)
values (:amount)
returning row_id;

-- name: list_by_amount
select
    row_id,
    amount
from {TABLE}
where
    amount >= :least_amount
    and amount <= :most_amount  --? most_amount
order by amount
limit 100;
"""

CHANGED = QUERIES.replace("where row_id = :row_id", "where row_id = :row_id and amount is not null")

MODULE = '''\
"""Rows of a ledger."""

from dataclasses import dataclass
from decimal import Decimal

from oadb.engine.binding.queries import queries

query = queries(__name__)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row. <script>alert(4)</script>"""

    row_id: int
    amount: Decimal | None


@query
def get(row_id: int) -> Entry | None: ...


@query
def _add(amount: Decimal) -> int: ...


@query
def list_by_amount(least_amount: Decimal, most_amount: Decimal | None = None) -> list[Entry]: ...


query.complete()


def add(db, amount):
    """Add a row."""
    return _add(db, amount)
'''

TEST = f"""\
from {NAME} import entries


def test_a_row_is_added(db):
    assert entries.add(db, 1) == 1
"""


def _git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Asha", "-c", "user.email=asha@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def make(folder: Path) -> None:
    """Write the package with one commit, and after it what a branch would change."""
    sql, code = folder / "sql", folder / "src" / NAME
    for each in (sql / "migrations", sql / "queries", code, folder / "tests"):
        each.mkdir(parents=True)
    (folder / "pyproject.toml").write_text(f'[tool.oadb]\npackages = ["{NAME}"]\n')
    (code / "__init__.py").write_text("")
    (code / "entries.py").write_text(MODULE)
    (folder / "tests" / "test_entries.py").write_text(TEST)
    (sql / "migrations" / "0001_create_ledger.sql").write_text(MIGRATION)
    (sql / "migrations" / "0001_create_ledger.rollback.sql").write_text(ROLLBACK)
    (sql / "queries" / "entries.sql").write_text(QUERIES)
    _git(folder, "init", "--quiet")
    _git(folder, "add", ".")
    _git(folder, "commit", "--quiet", "-m", f"Begin {MARKUP}")
    (sql / "migrations" / "0002_add_note.sql").write_text(LATER)
    (sql / "migrations" / "0002_add_note.rollback.sql").write_text(LATER_ROLLBACK)
    (sql / "queries" / "entries.sql").write_text(CHANGED)
