"""Entries of pg_stat_statements are summed by name, and compared with those of the last look."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from oadb.tools.activity.statement_counters import CounterHistory, CounterSnapshot, StatementEntry
from oadb.tools.activity.statement_load import CostReport, StatementCost, report
from oadb.tools.activity.statement_places import StatementPlace

BEGUN = datetime(2026, 11, 29, 9, 15, tzinfo=UTC)
HISTORY = CounterHistory(BEGUN, 0, 5000, BEGUN + timedelta(minutes=1), "asha")
PLACES = {
    name: StatementPlace("sql/queries/x.sql", line)
    for line, name in enumerate(("users.get", "calls.list_calls"), 1)
}


def entry(key: str, label: str | None, calls: int, total_ms: float = 0.0) -> StatementEntry:
    return StatementEntry(key, label, False, calls, total_ms, 2 * calls, 8, 2, 1, 100)


def snapshot(*entries: StatementEntry, later: int = 0, evictions: int = 0) -> CounterSnapshot:
    taken_at = HISTORY.taken_at + timedelta(seconds=later)
    return CounterSnapshot(replace(HISTORY, taken_at=taken_at, evictions=evictions), entries)


def compared(
    later: CounterSnapshot, earlier: CounterSnapshot | None = None, *, variants: bool = False
) -> CostReport:
    return report(later, earlier, PLACES, by="time", variants=variants)


def test_what_has_one_name_is_summed_and_what_has_none_is_other() -> None:
    found = compared(
        snapshot(
            entry("1", "users.get", 3, 10.0),
            entry("2", "users.get", 4, 20.0),
            entry("3", "calls.list_calls +since", 1, 50.0),
            entry("4", "calls.list_calls.many", 1, 1.0),
            entry("5", "gone.list_all", 1, 2.0),
            entry("6", None, 1, 3.0),
        )
    )

    assert [(each.label, each.cost.calls, each.cost.total_ms) for each in found.loads] == [
        ("calls.list_calls", 2, 51.0),
        ("users.get", 7, 30.0),
    ]
    assert found.loads[1].cost == StatementCost(7, 30.0, 14, 16, 4, 2, 200)
    assert found.loads[1].cost.hit_share == 0.8
    assert (found.other.calls, found.other.total_ms) == (2, 5.0)
    assert found.total.total_ms == 86.0
    assert found.seconds == 60.0


def test_variants_can_be_apart() -> None:
    both = snapshot(
        entry("1", "calls.list_calls +since", 1, 2.0), entry("2", "calls.list_calls", 1, 1.0)
    )

    assert [each.label for each in compared(both, variants=True).loads] == [
        "calls.list_calls +since",
        "calls.list_calls",
    ]


def test_between_two_looks_only_what_was_counted_between_them_is_shown() -> None:
    before = snapshot(entry("1", "users.get", 3, 10.0), entry("2", "calls.list_calls", 1, 1.0))
    now = snapshot(
        entry("1", "users.get", 5, 16.0), entry("2", "calls.list_calls", 1, 1.0), later=2
    )
    found = compared(now, before)

    assert [(each.label, each.cost.calls, each.cost.total_ms) for each in found.loads] == [
        ("users.get", 2, 6.0)
    ]
    assert (found.seconds, found.remarks) == (2.0, ())


def test_after_a_reset_everything_counts_from_it() -> None:
    before = snapshot(entry("1", "users.get", 300, 1000.0))
    reset_at = HISTORY.taken_at + timedelta(seconds=1)
    now = snapshot(entry("1", "users.get", 2, 6.0), later=2)
    found = compared(replace(now, history=replace(now.history, reset_at=reset_at)), before)

    assert [each.cost.calls for each in found.loads] == [2]
    assert found.seconds == 1.0
    assert found.remarks == ("counters were reset at 2026-11-29 09:16:01 UTC; this is since then",)


def test_an_entry_that_was_dropped_meanwhile_counts_anew() -> None:
    before = snapshot(entry("1", "users.get", 300, 1000.0))
    found = compared(snapshot(entry("1", "users.get", 2, 6.0), later=2, evictions=3), before)

    assert [each.cost.calls for each in found.loads] == [2]
    assert "".join(found.remarks) == (
        "rare statements were dropped 3 times, with what they had counted: raise "
        "pg_stat_statements.max (5,000) and restart the server"
    )


def test_statements_that_the_role_may_not_see_are_other_and_say_which_grant_helps() -> None:
    hidden = replace(entry("10.1", None, 1, 30.0), is_hidden=True)
    found = compared(snapshot(hidden, hidden, entry("1", "users.get", 1, 40.0)))

    assert (found.hidden.calls, found.other.calls) == (2, 2)
    assert "".join(found.remarks) == (
        "60% of the time is that of statements of other roles, which asha may not see: "
        "grant pg_read_all_stats to asha;"
    )


def test_a_dropped_one_among_those_that_are_hidden_is_not_guessed() -> None:
    hidden = replace(entry("10.1", None, 100, 30.0), is_hidden=True)
    found = compared(snapshot(hidden, later=2), snapshot(hidden, hidden))

    assert found.total == StatementCost()


COUNTERS = st.integers(0, 10)
LOOKS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), COUNTERS, COUNTERS), max_size=5)


@settings(max_examples=30)
@given(LOOKS, LOOKS)
def test_nothing_is_ever_less_than_none(
    first: list[tuple[str, bool, int, int]], second: list[tuple[str, bool, int, int]]
) -> None:
    before, now = (
        snapshot(
            *(
                replace(entry(key, None if hidden else "users.get", calls, ms), is_hidden=hidden)
                for key, hidden, calls, ms in look
            ),
            later=later,
        )
        for later, look in enumerate((first, second))
    )
    found = compared(now, before)

    assert found.total.calls >= found.other.calls >= found.hidden.calls >= 0
    assert all(each.cost.calls > 0 and each.cost.total_ms >= 0 for each in found.loads)
