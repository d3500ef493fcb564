r"""Statements to paste into psql: ``\set`` lines with an example for each parameter.

psql replaces ``:user_id`` by the text of its variable, so that an example is an SQL literal.
"""

from collections.abc import Iterable

from oadb.tools.review.book_model import ParameterReview

_EXAMPLES = {
    "bool": "true",
    "int2": "7",
    "int4": "7",
    "int8": "7",
    "float4": "1.5",
    "float8": "1.5",
    "numeric": "1.5",
    "bytea": r"'\x00'",
    "date": "'2026-01-31'",
    "time": "'09:15'",
    "timestamp": "'2026-01-31 09:15'",
    "timestamptz": "'2026-01-31 09:15+00'",
    "interval": "'1 hour'",
    "uuid": "'00000000-0000-4000-8000-000000000007'",
    "json": "'{}'",
    "jsonb": "'{}'",
    "inet": "'192.0.2.7'",
    "cidr": "'192.0.2.0/24'",
}
"""By the name in pg_type; arrays begin with an underscore."""


def example(postgres: str, choices: tuple[object, ...] = ()) -> str:
    """Return a value of a type as an SQL literal, one of the *choices* if there are any."""
    if choices:
        return _literal(str(choices[0]))
    if postgres.startswith("_"):
        return "'{}'"
    if postgres.endswith("range"):
        return "'empty'"
    return _EXAMPLES.get(postgres, "'example'")


def paste(sql: str, parameters: Iterable[ParameterReview]) -> str:
    r"""Return a statement with its ``\set`` lines above it."""
    lines = [rf"\set {each.name} {_quoted(each.example)}" for each in parameters if each.postgres]
    return "\n".join([*lines, f"{sql.rstrip()}\n;" if "--" in sql else f"{sql.rstrip()};"])


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _quoted(value: str) -> str:
    r"""Return a value as psql's \set reads it: within quotes, in which a backslash escapes."""
    if "'" not in value:
        return value
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
