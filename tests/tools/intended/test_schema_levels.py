"""The intended schema of every level: what the migrations make of an empty database, both ways."""

from contextlib import suppress
from functools import partial
from itertools import pairwise

import psycopg
import pytest

from oadb import Config, Database
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.tools.intended import level_recorder, schema_check, schema_levels
from oadb.tools.intended.schema_levels import Pinned
from oadb.tools.migrations import runner, script_folder
from tests.support.user_rows import INSERTS, SEALED

OADB = find("oadb")
IDS = script_folder.ids(OADB.sql / "migrations")
FILLS = {
    "key_canaries": "insert into oadb.key_canaries (key_id, canary) values (1, {1}) "
    "on conflict do nothing",
    **INSERTS,
}
"""Rows of a user, root keys before them."""
ADVICE = """sql/schema_levels.jsonl is not what the migrations make; to rewrite it:
oadb schema --levels --package oadb > sql/schema_levels.jsonl"""


@pytest.fixture(scope="module")
def levels() -> list[Pinned]:
    return schema_levels.read(OADB) or []


def differing(db: Database, levels: list[Pinned], level: str) -> list[str]:
    intended = [each.pinned for each in levels if each.stands_at(level)]
    work = partial(schema_check.differences, names=["oadb"], intended=intended)
    return [str(each) for each in db.transact(work, read_only=True)]


@pytest.mark.slow  # a minute: applies every migration, undoes it, and applies it again
def test_the_schema_is_the_intended_one_at_every_level_up_down_and_up_again(
    oadb_empty_url: str, levels: list[Pinned]
) -> None:
    target = dsn.parse(oadb_empty_url)
    with Database(Config.from_env({"DATABASE_URL": oadb_empty_url})) as db:
        for level in runner.steps(target, packages=[OADB]):
            assert differing(db, levels, level) == [], f"{level}: {ADVICE}"
        for below, level in reversed([*pairwise(IDS)]):
            assert runner.rollback(target) == (level,)
            assert differing(db, levels, below) == [], below
        assert runner.migrate(target).applied == tuple(IDS[1:])
        assert differing(db, levels, IDS[-1]) == []


def fill_what_is_there(connection: psycopg.Connection, missing: set[str]) -> None:
    """Insert a row of two users into each table that takes it at this level."""
    for table, text in FILLS.items():
        if table in missing:
            with suppress(psycopg.Error), connection.transaction():
                for user in (1, 2):
                    connection.execute(text.format(user, SEALED).encode())
                missing.remove(table)


@pytest.mark.long("applies every migration to tables with rows")
def test_tables_that_have_rows_end_as_empty_ones_do_and_keep_them(
    oadb_empty_url: str, levels: list[Pinned]
) -> None:
    missing = {*FILLS}
    with (
        Database(Config.from_env({"DATABASE_URL": oadb_empty_url})) as db,
        psycopg.connect(oadb_empty_url, autocommit=True) as connection,
    ):
        for _ in runner.steps(dsn.parse(oadb_empty_url), packages=[OADB]):
            fill_what_is_there(connection, missing)
        kept = {
            table: connection.execute(f"select count(*) from oadb.{table}".encode()).fetchone()
            for table in FILLS
        }

        assert missing == set()
        assert differing(db, levels, IDS[-1]) == []
    assert {table for table, found in kept.items() if not (found and found[0] >= 1)} == set()


@pytest.mark.slow
def test_the_file_is_what_the_command_writes(levels: list[Pinned]) -> None:
    assert schema_levels.render(level_recorder.record(OADB)) == schema_levels.render(levels), ADVICE
