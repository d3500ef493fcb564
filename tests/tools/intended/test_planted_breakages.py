"""What deliberately breaks a schema is told with its name, and what is said to mend it mends it."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from oadb.engine.binding.packages import find
from oadb.engine.single_connection import SingleConnection
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
