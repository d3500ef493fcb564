"""What deliberately breaks a schema is told with its name, and what is said to mend it mends it."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from oadb.engine.binding.packages import find
from oadb.engine.single_connection import SingleConnection
from oadb.tools import schema
from oadb.tools.intended import schema_check, schema_levels
from oadb.tools.intended.schema_differences import SchemaDifference

LEVEL = "9999"
ADVICE = """sql/schema_levels.jsonl is not what the migrations make; to rewrite it:
oadb schema --levels --package oadb > sql/schema_levels.jsonl"""


class Broken:
    """A migrated database, and what of its schema differs."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self._session = SingleConnection(connection)
        levels = schema_levels.read(find("oadb")) or []
        self._intended = [each.pinned for each in levels if each.stands_at(LEVEL)]

    def run(self, statements: str) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(statements.encode(), prepare=False)

    def differences(self) -> list[SchemaDifference]:
        return schema_check.differences(self._session, ["oadb"], self._intended)

    def intend(self) -> None:
        """Take what is now for what should be."""
        self._intended = schema.read_present(self._session, ["oadb"])


@pytest.fixture(scope="module")
def sound(shared_url: str) -> Iterator[Broken]:
    with psycopg.connect(shared_url, autocommit=True) as connection:
        yield Broken(connection)


@pytest.fixture
def broken(sound: Broken) -> Iterator[Broken]:
    with sound.connection.transaction(force_rollback=True):
        yield sound


TEXT = (Path(__file__).parent / "breakages.sql").read_text()
BREAKAGES = {
    name: (planted, told)
    for name, planted, told in re.findall(
        r"^-- name: (.+)\n((?:(?!--).*\n)+)-- told: (.+)$", TEXT, re.MULTILINE
    )
}


def test_every_breakage_of_the_file_is_planted() -> None:
    assert len(BREAKAGES) == TEXT.count("-- name: ") > 44


def test_a_migrated_database_has_the_intended_schema(broken: Broken) -> None:
    assert [str(each) for each in broken.differences()] == [], ADVICE


@pytest.mark.long("compares the whole schema after every statement")
@pytest.mark.parametrize(("planted", "told"), BREAKAGES.values(), ids=BREAKAGES)
def test_a_breakage_is_told_and_what_is_said_to_mend_it_mends_it(
    broken: Broken, planted: str, told: str
) -> None:
    broken.run(planted)
    found = broken.differences()

    assert any(str(each).startswith(told) for each in found), "\n".join(map(str, found))
    assert all(each.statement and "\n" not in str(each) for each in found)
    for _ in range(60):
        if not found:
            return
        broken.run(str(found[0].statement))
        found = broken.differences()
    pytest.fail("\n".join(map(str, found)))


_WATCHED = """
create function oadb.look_on() returns event_trigger language plpgsql as 'begin end';
create event trigger looks_on on ddl_command_end execute function oadb.look_on();
create table oadb.spread (user_id bigint, at date) partition by hash (user_id);
create table oadb.spread_0 partition of oadb.spread for values with (modulus 1, remainder 0)
partition by range (at);
create table oadb.spread_0_rest partition of oadb.spread_0 default;
create table oadb.spread_0_day partition of oadb.spread_0
for values from ('2026-11-30') to ('2026-12-01');
"""


@pytest.mark.long("compares the whole schema after every statement")
@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("drop event trigger looks_on", "event trigger looks_on is missing; should be create ev"),
        ("alter event trigger looks_on disable", "event trigger looks_on is "),
        ("drop table oadb.spread_0_rest", "table oadb.spread_0_rest is missing"),
        ("drop table oadb.spread_0_day", ""),
    ],
)
def test_event_triggers_and_partitions_that_are_not_of_a_time_belong_to_the_schema(
    shared_url: str, statement: str, told: str
) -> None:
    with psycopg.connect(shared_url) as connection:
        broken = Broken(connection)
        broken.run(_WATCHED)
        broken.intend()
        broken.run(statement)
        found = broken.differences()

        assert [str(each).startswith(told) for each in found] == ([True] if told else []), found
        for each in found:
            broken.run(str(each.statement))
        assert broken.differences() == []
        connection.rollback()
