"""Errors of violated constraints: which field is at fault, and what it must be.

Each is an error of oadb and, with SQLSTATE and ``diag``, one of psycopg. What PostgreSQL says in
its own words is replaced: it names the constraint, but neither the field nor the limit.
"""

import re
from collections.abc import Mapping

import psycopg
from psycopg import errors
from psycopg.pq import DiagnosticField

from oadb.engine.binding.constraint_words import ConstraintWords, without_shard, words_of
from oadb.errors import ConflictError, ParameterError

Info = Mapping[int, bytes | None]
"""A report of the server: ``psycopg.Error(info=...)``."""


class CheckRefusalError(ParameterError, errors.CheckViolation):
    """A check of a table or a domain refuses the value of ``field``."""


class NullRefusalError(ParameterError, errors.NotNullViolation):
    """``field`` is null."""


class KeyTakenError(ConflictError, errors.UniqueViolation):
    """Another row has the value of ``field``."""


class RowsExcludedError(ConflictError, errors.ExclusionViolation):
    """Another row excludes the value of ``field``."""


class ReferenceRefusalError(ConflictError, errors.ForeignKeyViolation):
    """``field`` refers to no row, or rows still refer to one that was to be deleted."""


class StillReferencedError(ConflictError, errors.RestrictViolation):
    """Rows still refer by ``field`` to one that was to be deleted."""


# By SQLSTATE: the class, what a field must be if nothing else is known, and what to do.
_ANSWERS: Mapping[str, tuple[type[ParameterError | ConflictError], str, str]] = {
    "23514": (CheckRefusalError, "a value that this constraint allows", ""),
    "23502": (NullRefusalError, "given, and not null", ""),
    "23505": (KeyTakenError, "unique", "; another row has this value, choose another one"),
    "23P01": (
        RowsExcludedError,
        "free",
        "; another row excludes this value, choose another one",
    ),
    "23503": (
        ReferenceRefusalError,
        "that of an existing row",
        "; or rows still refer to the one that was to be deleted or changed",
    ),
    "23001": (
        StillReferencedError,
        "that of an existing row",
        "; rows still refer to the one that was to be deleted or changed",
    ),
}


# The function of the server that reports what a function in PL/pgSQL raises.
_RAISES = "exec_stmt_raise"


# A name in a message of Citus, which passes on that of a worker, but none of its other fields. A
# table or constraint has the number of its shard.
_QUOTED = re.compile(r"[\"«»„“”]\s?(\w+)\s?[\"«»„“”]")
_SHARD = re.compile(r"_\d{6,}$")

# What such a message names, by SQLSTATE: shards in their order, and before them a column.
_NAMED: Mapping[str, tuple[str, ...]] = {
    "23514": ("table", "constraint"),
    "23502": ("table",),
    "23505": ("constraint",),
    "23P01": ("constraint",),
    "23503": ("table", "constraint"),
    "23001": ("table", "constraint"),
}


def constraint_of(error: psycopg.Error) -> str:
    """Return the name of the violated constraint as it is declared; empty if there is none.

    Whatever decides by the name of a constraint asks this: Citus reports the name of a shard, and
    that only in the message.
    """
    name = error.diag.constraint_name
    if name is None:
        return _named(error, "constraint")
    return without_shard(error.diag.table_name or "", name)


def table_of(error: psycopg.Error) -> str:
    """Return the name of the table that the error is about, of a shard that of its table."""
    table = error.diag.table_name
    return _named(error, "table") if table is None else without_shard(table, table)


def _named(error: psycopg.Error, part: str) -> str:
    """Return a part of what the message of a worker of Citus names: table, constraint, column."""
    diag = error.diag
    parts = _NAMED.get(diag.sqlstate or "", ())
    if diag.table_name or diag.constraint_name or diag.source_function == _RAISES or not parts:
        return ""
    quoted = _QUOTED.findall(diag.message_primary or "")
    shards = [_SHARD.sub("", name) for name in quoted if _SHARD.search(name)]
    found = dict(zip(parts, shards, strict=False))
    if part == "column" and shards and diag.sqlstate == "23502":
        return str(quoted[0])
    return found.get(part, "")


def refusal_of(
    error: psycopg.Error, label: str, line: str, info: Info
) -> ParameterError | ConflictError | None:
    """Return what a caller gets for a violated constraint; None: the error names none.

    A row without a partition names none. What a function raises may name one, or a column, by
    ``raise ... using``; its own message stays if nothing is said of that constraint.

    Args:
        line: of a COPY, the line with the row, such as ``line 3: ``; else empty.
        info: the report without the data of rows.
    """
    answer = _ANSWERS.get(error.diag.sqlstate or "")
    words = words_for(error)
    if answer is None or words is None:
        return None
    kind, usual, advice = answer
    constraint, limit = constraint_of(error), words.limit or usual
    where = f" ({constraint})" if constraint else ""
    said = f"{words.field or 'the primary key'} must be {limit}{advice}{where}"
    if error.diag.source_function == _RAISES and not words.limit:
        limit, said = "", error.diag.message_primary or ""
    refusal = kind(f"{label}: {line}{said}")
    told = {**info, DiagnosticField.MESSAGE_PRIMARY: said.encode()}
    psycopg.Error.__init__(refusal, *refusal.args, info=told)  # type: ignore[arg-type]  # one of both
    refusal.field, refusal.constraint, refusal.limit = words.field, constraint, limit
    return refusal


def words_for(error: psycopg.Error) -> ConstraintWords | None:
    """Return the field that an error is about and what it must be; None: it names no field."""
    diag, constraint, domain = error.diag, constraint_of(error), error.diag.datatype_name or ""
    if not constraint:
        field = diag.column_name or domain or _named(error, "column")
        return ConstraintWords(field) if field else None
    words = words_of(diag.schema_name or "", table_of(error) or domain, constraint)
    # Of a domain the server does not say which column has it.
    return words if words.limit or not domain else ConstraintWords(domain)
