"""Finds refused forms in what reads rows, and in other commands."""

from oadb.tools.scale.placed_sql import PlacedSql
from oadb.tools.scale.query_blocks import QueryBlock, SqlText

_AGGREGATES = frozenset(
    {
        "array_agg", "avg", "bool_and", "bool_or", "count", "json_agg", "jsonb_agg", "max", "min",
        "string_agg", "sum",
    }
)  # fmt: skip  # a list
_LOCKS = frozenset({"update", "no", "share", "key"})


def locks_rows(sql: PlacedSql) -> bool:
    return any(
        sql.text.at(n, "for") and sql.text.at(n + 1) and sql.text.texts[n + 1] in _LOCKS
        for block in sql.blocks("select")
        if sql.spread(block, block.own)
        for n in block.level
    )


def selects_nothing(sql: PlacedSql) -> bool:
    return any(sql.text.at(n, "(", "select", "from") for n in range(len(sql.text.texts)))


def groups_by_sets(sql: PlacedSql) -> bool:
    return any(
        any(sql.text.at(n, *words) for words in (("grouping", "sets"), ("grouping", "(")))
        or any(sql.text.at(n, word, "(") for word in ("rollup", "cube"))
        for block in sql.blocks("select")
        if sql.spread(block, block.reach)
        for n in block.own
    )


def calls_row_function(sql: PlacedSql) -> bool:
    everything = range(len(sql.text.texts))
    return sql.is_spread and any(
        name in sql.names.row_functions and sql.text.at(n + 3, "(")
        for n, name in sql.text.names(everything)
    )


def asks_for_each(sql: PlacedSql) -> bool:
    """Find a subquery on shards, for each row of what is on none."""
    text = sql.text
    return any(
        outer.start < inner.start < outer.end
        and inner.start in outer.reach
        and text.texts[inner.start - 2] != "lateral"
        and not sql.spread(outer, text.clause(outer, "from"))
        and sql.spread(inner, inner.own)
        and any(text.texts[n] in _sources(text, outer) and text.at(n + 1, ".") for n in inner.own)
        for outer in sql.blocks("select", "insert")
        for inner in sql.blocks("select")
        if outer is not inner and not inner.is_cte
    )


def _sources(text: SqlText, block: QueryBlock) -> set[str]:
    """Return the names by which the rows of a query's FROM are called."""
    listed = [n for n in text.clause(block, "from") if n in block.level]
    aliases = {text.texts[n + 1] for n in listed if text.at(n, "as") and text.at(n + 1)}
    tables = {name.partition(".")[2] for _, name in text.names(listed)}
    behind = (n + 1 for n in listed if text.texts[n] in {"from", "join"} and text.at(n + 1))
    named = {text.texts[n] for n in behind if not text.qualified(n)}
    return aliases | tables | named


def sums_beside(sql: PlacedSql) -> bool:
    """Find an aggregate in a lateral subquery on shards, beside what is on none."""
    text = sql.text
    return any(
        text.at(inner.start - 2, "lateral")
        and inner.start in outer.reach
        and outer.start < inner.start < outer.end
        and not _names_spread(sql, outer)
        and sql.spread(inner, inner.own)
        and sql.calls(inner.own, _AGGREGATES)
        for outer in sql.blocks("select", "insert")
        for inner in sql.blocks("select")
    )


def _names_spread(sql: PlacedSql, block: QueryBlock) -> bool:
    return any(
        sql.names.tables[name].placement == "distributed"
        for _, name in sql.text.names(block.own)
        if name in sql.names.tables
    )


def gathers_statistics(sql: PlacedSql) -> bool:
    return sql.text.texts[0] in {"analyze", "vacuum"}
