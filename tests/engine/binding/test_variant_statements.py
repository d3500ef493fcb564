"""Variants are made when they are first used, and prepared under names of their own."""

import pytest

from oadb.engine.binding.queries import Queries, Query
from oadb.engine.binding.statements import parse
from tests.support.rig import Connect, Db


def long(
    a_rather_long_parameter: int | None = None,
    another_rather_long_parameter: int | None = None,
    the_last: int | None = None,
) -> list[int]: ...


def declared() -> Query[..., list[int]]:
    names = ("a_rather_long_parameter", "another_rather_long_parameter", "the_last")
    lines = "".join(f"    and {name}::int = :{name} --? {name}\n" for name in names)
    columns = ", ".join(f"1 as {name}" for name in names)
    text = f"-- name: long\nselect 1 as one from (select {columns}) as x\nwhere true\n{lines};"
    query = Queries("numbers", parse(text, "numbers", "sql/queries/numbers.sql"))
    found: Query[..., list[int]] = query(long)
    query.complete()
    return found


@pytest.fixture
def db(connect: Connect) -> Db:
    return connect()


def test_the_text_of_a_variant_is_made_when_it_is_first_used(db: Db) -> None:
    query = declared()
    assert query._variants == {}

    query(db, 1)
    [(key, made)] = query._variants.items()
    query(db, 2)

    assert made.label == "numbers.long +a_rather_long_parameter"
    assert query.variants[key] is made
    assert len(query.variants) == 8


def test_variants_whose_names_differ_only_at_the_end_are_told_apart(db: Db) -> None:
    """The server compares 63 bytes of the name of a prepared statement."""
    query = declared()

    with db.transaction() as tx:
        assert query(tx, 1, 1) == [1]
        assert query(tx, 1, 1, 2) == []
        assert query(tx, 1, 1, 1) == [1]
