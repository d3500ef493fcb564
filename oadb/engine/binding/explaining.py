"""The text EXPLAIN, which stands before a statement's own; it is written nowhere else."""

from collections.abc import Sequence
from typing import Literal

PlanMode = Literal["generic", "custom"]
"""Whether a prepared statement is planned for any values, or for those that it is given."""


def explain(*, analyze: bool = False, as_json: bool = False) -> str:
    """Return what stands before a statement, so that the server returns its plan.

    Args:
        analyze: whether it runs the statement and measures.
    """
    measured = "analyze, buffers, " if analyze else ""
    return f"explain ({measured}verbose, format {'json' if as_json else 'text'}) "


def explain_prepared(
    name: str, literals: Sequence[str], mode: PlanMode, *, prunes: bool, analyze: bool = False
) -> str:
    """Return a text, without parameters of its own, that has a prepared statement planned, as JSON.

    EXPLAIN (GENERIC_PLAN) would need PostgreSQL 16. Sent as one query, it is a transaction if none
    is open, and its settings end with it. They are no SET LOCAL: Citus sends the whole query of one
    to its workers, with all that stands beside it. So the answer to EXPLAIN is not the only one.

    Args:
        literals: the values of the statement's parameters, as SQL.
        prunes: whether partitions are left out that the values rule out.
    """
    values = f" ({', '.join(literals)})" if literals else ""
    settings = (
        f"select pg_catalog.set_config('plan_cache_mode', 'force_{mode}_plan', true), "
        f"pg_catalog.set_config('enable_partition_pruning', '{'on' if prunes else 'off'}', true); "
    )
    return f"{settings}{explain(analyze=analyze, as_json=True)}execute {name}{values}"
