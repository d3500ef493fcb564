"""Finds refused forms in what changes rows: INSERT, UPDATE and DELETE."""

from collections.abc import Iterable

from oadb.tools.scale.placed_sql import PlacedSql
from oadb.tools.scale.query_blocks import QueryBlock, SqlText

_VOLATILE = frozenset(
    {"clock_timestamp", "gen_random_uuid", "nextval", "random", "timeofday", "uuidv4", "uuidv7"}
)
_STABLE = _VOLATILE | {"now", "current_setting", "statement_timestamp", "transaction_timestamp"}
_CHANGES = frozenset({"update", "delete"})


def chooses_by_time(sql: PlacedSql) -> bool:
    return any(
        sql.calls(choice, _STABLE)
        for block in sql.blocks("update", "delete", "insert")
        if block.command != "insert" or sql.changes_placed(block)
        for choice in sql.text.choices(_changed(sql.text, block))
    )


def _changed(text: SqlText, block: QueryBlock) -> Iterable[int]:
    """Return what an update or a delete consists of; of an insert, what it does in a conflict."""
    if block.command != "insert":
        return block.reach
    conflict = text.clause(block, "conflict")
    return [n for n in block.reach if conflict and n >= conflict.start]


def sets_time_in_conflict(sql: PlacedSql) -> bool:
    return any(
        sql.calls(sql.text.clause(block, "set"), _STABLE)
        for block in sql.blocks("insert")
        if sql.changes_placed(block)
    )


def adds_to_time(sql: PlacedSql) -> bool:
    return any(
        _is_sum_of_time(sql.text, n)
        for block in sql.blocks(*_CHANGES)
        for n in block.reach
        if sql.text.texts[n] in {"+", "-"}
    )


def _is_sum_of_time(text: SqlText, sign: int) -> bool:
    """Return whether a column is added to a time, or an interval to a column."""
    behind = sign + 1
    if text.texts[sign - 3 : sign] == ["now", "(", ")"]:
        call = next((n for n in (behind + 1, behind + 3) if text.at(n, "(")), None)
        if call is not None:  # of CAST or a function, whose name may have a schema
            return text.has_column(text.group(call))
        return text.at(behind) and text.kinds[behind] == "word" and not text.at(behind, "interval")
    is_column = text.kinds[sign - 1] == "word" and text.texts[sign - 1] not in {"end", "zone"}
    return is_column and (
        text.at(behind, "interval")
        or text.at(sign, "+", "now", "(")
        or text.at(behind + 1, "::", "interval")
        or (text.at(behind, "cast") and text.at(behind + 3, "as", "interval"))
    )


def changes_by_volatile(sql: PlacedSql) -> bool:
    return any(sql.calls(block.reach, _VOLATILE) for block in sql.blocks(*_CHANGES))


def inserts_subquery(sql: PlacedSql) -> bool:
    return any(
        sql.text.at(n, "(", "select")
        for block in sql.blocks("insert")
        for n in sql.text.clause(block, "values")
    )


def changes_local_beside(sql: PlacedSql) -> bool:
    return sql.text.blocks[0].command == "select" and any(
        not sql.changes_placed(each) for each in sql.blocks(*_CHANGES)
    )


def reads_cte_in_conflict(sql: PlacedSql) -> bool:
    top = sql.text.blocks[0]
    ctes = {sql.text.texts[each.start - 3] for each in sql.text.blocks if each.is_cte}
    ctes |= {sql.text.texts[each.start - 4] for each in sql.text.blocks if each.is_cte}
    conflict = sql.text.clause(top, "conflict")
    return top.command == "insert" and any(
        sql.text.at(n, "from") and sql.text.at(n + 1) and sql.text.texts[n + 1] in ctes
        for n in range(conflict.start, top.end if conflict else 0)
    )


def returns_time(sql: PlacedSql) -> bool:
    return any(
        sql.calls(sql.text.clause(block, "returning"), _STABLE)
        for block in sql.blocks("insert", "update", "delete")
        if sql.changes_placed(block)
    )


def returns_subquery(sql: PlacedSql) -> bool:
    return any(
        sql.text.at(n, "(", "select")
        for block in sql.blocks("insert", "update", "delete")
        for n in sql.text.clause(block, "returning")
    )


def moves_rows(sql: PlacedSql) -> bool:
    text = sql.text
    for block in sql.blocks("update"):
        placement = sql.names.tables.get(text.target(block))
        by = "" if placement is None else placement.by
        sets = text.clause(block, "set")
        if by and any(n in block.level and text.at(n, by, "=") for n in sets):
            return True
    return False
