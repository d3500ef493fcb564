"""Statistics of a log writer: those of all tables together."""

from dataclasses import asdict, fields, replace

from oadb.logs.writing.writer_stats import LogTableStats, total


def table(first: int) -> LogTableStats:
    """Return statistics whose numbers begin with *first*, each another one."""
    names = [field.name for field in fields(LogTableStats)]
    numbers = {name: first + place for place, name in enumerate(names)}
    return LogTableStats(**{**numbers, "is_full": first > 100, "last_error": None})  # type: ignore[arg-type]  # as each field has


def test_counts_of_tables_are_summed_and_of_their_maxima_and_ages_one_is_taken() -> None:
    few, many = table(100), replace(table(300), last_error="refused")
    found = asdict(total({"traffic": few, "latency": many}))

    assert found.pop("tables") == {"traffic": asdict(few), "latency": asdict(many)}
    assert found == {
        **{name: getattr(few, name) + getattr(many, name) for name in found.keys() - _TAKEN},
        "most_rows": many.most_rows,
        "most_bytes": many.most_bytes,
        "oldest_age_seconds": many.oldest_age_seconds,
        "last_success_age_seconds": few.last_success_age_seconds,
        "is_full": True,
        "last_error": "latency: refused",
    }


_TAKEN = {
    "most_rows", "most_bytes", "oldest_age_seconds", "last_success_age_seconds", "is_full",
    "last_error",
}  # fmt: skip  # a table
