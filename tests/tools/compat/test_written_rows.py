"""What a statement writes is read from its text."""

import pytest

from oadb.tools.compat.written_rows import Write, is_never_null, words, writes


def shown(write: Write) -> str:
    values = {
        name: [" ".join(each) for each in found] for name, found in write.values.items() if found
    }
    conflict = f" on {sorted(write.conflict)}" if write.conflict else ""
    return f"{write.kind} {write.table} {[*write.columns]} {values}{conflict}"


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select 1 from a.b for update of b", []),
        ("select 1 from a.b for no key update", []),
        (
            "insert /* x.y */ into a.b (c, d) values ($1, f(1, 2)), (null, 'x,y')",
            ["insert a.b ['c', 'd'] {'c': ['$1', 'null'], 'd': ['f ( 1 , 2 )', \"'x,y'\"]}"],
        ),
        (
            'insert into a."B" as t (c) select distinct $1::text from a.x where true',
            ["insert a.\"B\" ['c'] {'c': ['$1 :: text']}"],
        ),
        (
            "insert into a.b (c) overriding system value values (1)",
            ["insert a.b ['c'] {'c': ['1']}"],
        ),
        ("insert into a.b default values", ["insert a.b [] {}"]),
        ("insert into a.b (c) select 1 union select null", ["insert a.b ['c'] {}"]),
        ("insert into a.b (c) select r.* from a.x as r", ["insert a.b ['c'] {'c': ['r . *']}"]),
        (
            """insert into a.b (c, d) values ($1, $2) on conflict (c) where d > 0
            do update set d = excluded.d, (e, f) = (1, 2) where b.d < 3 returning c""",
            [
                "insert a.b ['c', 'd'] {'c': ['$1'], 'd': ['$2']} on ['c']",
                "update a.b ['d', 'e', 'f'] {'d': ['excluded . d']}",
            ],
        ),
        (
            """with x as (delete from a.b where c = $1 returning c),
            y as (update only a.z as t set c = (select max(q.c) from a.q), d = $2 from x)
            insert into a.w (c) select c from x""",
            [
                "delete a.b [] {}",
                "update a.z ['c', 'd'] {'c': ['( select max ( q . c ) from a . q )'], 'd': ['$2']}",
                "insert a.w ['c'] {'c': ['c']}",
            ],
        ),
        (
            """merge into a.b as t using a.x as s on t.c = s.c when matched and s.d is null then
            delete when matched then update set d = s.d when not matched then
            insert (c) values (s.c)""",
            [
                "delete a.b [] {}",
                "update a.b ['d'] {'d': ['s . d']}",
                "insert a.b ['c'] {'c': ['s . c']}",
            ],
        ),
        ("copy a.b (c, d) from stdin", ["insert a.b ['c', 'd'] {}"]),
        ("copy (select c from a.b) to stdout", []),
        ("truncate table a.b", ["truncate a.b [] {}"]),
    ],
)
def test_writes_are_found_with_their_columns_and_values(sql: str, expected: list[str]) -> None:
    assert [shown(each) for each in writes(sql)] == expected


@pytest.mark.parametrize(
    "value", ["$1", "$1::text", "$1::varchar[]", "1", "'x'", "now()", "default", "coalesce($2, 0)"]
)
def test_what_is_never_null_is_known(value: str) -> None:
    assert is_never_null(words(value), [False, True])


@pytest.mark.parametrize(
    "value", ["$2", "null", "'x' || $2", "nullif($1, '')", "a.b", "coalesce($1, $2)", "(select 1)"]
)
def test_what_may_be_null_is_not_taken_for_never_null(value: str) -> None:
    assert not is_never_null(words(value), [False, True])
