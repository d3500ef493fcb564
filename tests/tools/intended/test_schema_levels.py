"""The intended schema of every level: what the migrations make of an empty database, both ways."""

from functools import partial
from itertools import pairwise

import pytest

from oadb import Config, Database
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.tools.intended import level_recorder, schema_check, schema_levels
from oadb.tools.intended.schema_levels import Pinned
from oadb.tools.migrations import runner, script_folder

OADB = find("oadb")
IDS = script_folder.ids(OADB.sql / "migrations")
ADVICE = """sql/schema_levels.jsonl is not what the migrations make; to rewrite it:
oadb schema --levels --package oadb > sql/schema_levels.jsonl"""


@pytest.fixture(scope="module")
def levels() -> list[Pinned]:
    return schema_levels.read(OADB) or []


def differing(db: Database, levels: list[Pinned], level: str) -> list[str]:
    intended = [each.pinned for each in levels if each.stands_at(level)]
    work = partial(schema_check.differences, names=["oadb"], intended=intended)
    return [str(each) for each in db.transact(work, read_only=True)]


@pytest.mark.long("applies every migration, undoes it, and applies it again")
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


@pytest.mark.long("migrates on a server of its own")
def test_the_file_is_what_the_command_writes(levels: list[Pinned]) -> None:
    assert schema_levels.render(level_recorder.record(OADB)) == schema_levels.render(levels), ADVICE
