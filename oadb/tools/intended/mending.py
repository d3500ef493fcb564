"""The statement that makes an object of a live schema what it should be, for a DBA to run.

Each function gets what is, what should be, or both, and returns SQL that ends in a semicolon; None
where no single statement does it.
"""

import re
from collections.abc import Callable

from oadb.tools.intended import column_mending
from oadb.tools.intended.one_line import flat, quoted
from oadb.tools.schema import SchemaObject

# Kinds whose definition also replaces what is there.
_REPLACED = frozenset({"function", "procedure", "view", "row security"})

# Kinds that no single statement changes.
_KEPT = frozenset({"schema", "type", "extension"})

_GRANT = re.compile(r"grant (?P<what>.+?) on (?P<object>\w+ .+) to (?P<role>\S+)( with grant.*)?$")
_ROW = re.compile(r"insert into (?P<table>\S+) \((?P<columns>.*?)\) values (?P<values>\(.*\))$")
_TABLE = re.compile(
    r"create (?P<unlogged>unlogged )?table (?P<name>\S+)(?P<shape>.*?)"
    r"(?: with \((?P<options>.*)\))?(?: replica identity (?P<identity>.))?$"
)
_IDENTITIES = {None: "default", "f": "full", "n": "nothing"}


def mending(live: SchemaObject | None, intended: SchemaObject | None, owner: str) -> str | None:
    """Return the statement for one object; *owner* is the owner of its schema."""
    if intended is None:
        return None if live is None else _dropping(live, owner)
    if live is None:
        return _making(intended, owner)
    if live.definition == intended.definition:
        return f"comment on {intended.kind} {intended.name} is {_comment(intended)};"
    return _changing(live, intended, owner)


def _comment(each: SchemaObject) -> str:
    return "null" if each.description is None else quoted(each.description)


def _making(each: SchemaObject, owner: str) -> str | None:
    match each.kind:
        case "column":
            return column_mending.adding(each)
        case "constraint":
            return f"alter table {each.part_of} add {flat(each.definition)};"
        case "schema":
            return None
        case _:
            return f"{_statement(each, owner)};"


def _statement(each: SchemaObject, owner: str) -> str:
    """Return the definition of an object as it can be run, on one line."""
    sql = flat(each.definition)
    match each.kind:
        case "index":  # "only" would leave out partitions, and so the index invalid
            return sql.replace(" ON ONLY ", " ON ", 1)
        case "view":
            return sql.replace("create view", "create or replace view", 1)
        case "policy":
            head, to, rest = sql.partition(" to ")
            return head + to + re.sub(r"\boadb_owner\b", owner, rest, count=1)
        case _:
            return sql


def _dropping(each: SchemaObject, owner: str) -> str | None:
    ending = _ENDINGS.get(each.kind)
    if ending is None or not isinstance(ending, str):
        return ending and ending(each, owner)
    return ending.format(name=each.name, own=_own_name(each), whole=each.part_of)


def _changing(live: SchemaObject, intended: SchemaObject, owner: str) -> str | None:
    match intended.kind:
        case "column":
            return column_mending.changing(live, intended)
        case "table":
            return _changing_table(live, intended)
        case "trigger" | "event trigger" if _is_enabled_otherwise(live, intended):
            return _enabling(live)
        case kind if kind in _REPLACED:
            return f"{_statement(intended, owner)};"
        case kind if kind in _KEPT:
            return None
        case _:
            return f"{_dropping(live, owner)} {_making(intended, owner)}"


def _is_enabled_otherwise(live: SchemaObject, intended: SchemaObject) -> bool:
    return live.definition.partition(" enabled ")[0] == intended.definition


def _enabling(each: SchemaObject) -> str:
    if each.kind == "event trigger":
        return f"alter event trigger {each.name} enable;"
    return f"alter table {each.part_of} enable trigger {_own_name(each)};"


def _own_name(each: SchemaObject) -> str:
    """Return its name on what it is part of, such as a column's or a policy's."""
    return each.name.removesuffix(f" on {each.part_of}").removeprefix(f"{each.part_of}.")


def _revoking(each: SchemaObject, _owner: str) -> str | None:
    found = _GRANT.match(each.definition)
    return found and f"revoke all on {found['object']} from {found['role']};"


def _deleting(each: SchemaObject, _owner: str) -> str | None:
    found = _ROW.match(flat(each.definition))
    if found is None:
        return None
    # A null among the values would match no row.
    pairs = zip(found["columns"].split(", "), _values(found["values"]), strict=True)
    known = [f"{column} = {value}" for column, value in pairs if value != "NULL"]
    return f"delete from {found['table']} where {' and '.join(known)};"  # noqa: S608  # to be read


def _values(listed: str) -> list[str]:
    return re.findall(r"'(?:[^']|'')*'|[^\s,()]+", listed)


def _reowning(each: SchemaObject, owner: str) -> str:
    return f"{each.definition.rpartition(' ')[0]} {owner};"


def _regranting(each: SchemaObject, owner: str) -> str:
    privileges = each.definition.removeprefix("revoke ").partition(" on ")[0]
    return f"grant {privileges} on table {each.part_of} to {owner};"


# How an object is ended that should not be there: with its {name}, also its {own} name on the
# {whole} that it is part of.
_ENDINGS: dict[str, str | Callable[[SchemaObject, str], str | None]] = {
    "column": "alter table {whole} drop column {own};",
    "constraint": "alter table {whole} drop constraint {own};",
    "row security": "alter table {name} disable row level security, no force row level security;",
    "grant": _revoking,
    "grant option": _revoking,
    "row": _deleting,
    "owner": _reowning,
    "switched off": "alter table {whole} enable trigger all;",
    "invalid": "reindex index {name};",
    "unlogged": "alter table {name} set logged;",
    "withheld": _regranting,
    "index": "drop index {name};",
    "policy": "drop policy {name};",
    "event trigger": "drop event trigger {name};",
    "trigger": "drop trigger {name};",
    "rule": "drop rule {name};",
    "table": "drop table {name};",
    "view": "drop view {name};",
    "materialized view": "drop materialized view {name};",
    "function": "drop function {name};",
    "procedure": "drop procedure {name};",
    "aggregate": "drop aggregate {name};",
    "type": "drop type {name};",
    "sequence": "drop sequence {name};",
    "foreign table": "drop foreign table {name};",
    "statistics": "drop statistics {name};",
    "collation": "drop collation {name};",
}


def _changing_table(live: SchemaObject, intended: SchemaObject) -> str | None:
    found, wanted = _TABLE.match(live.definition), _TABLE.match(intended.definition)
    if found is None or wanted is None or found["shape"] != wanted["shape"]:
        return None
    table, steps = f"alter table {wanted['name']}", list[str]()
    if found["unlogged"] != wanted["unlogged"]:
        steps.append("set unlogged" if wanted["unlogged"] else "set logged")
    if found["options"] != wanted["options"]:
        names = [option.partition("=")[0] for option in (found["options"] or "").split(", ")]
        steps += [f"reset ({', '.join(names)})"] if found["options"] else []
        steps += [f"set ({wanted['options']})"] if wanted["options"] else []
    if found["identity"] != wanted["identity"]:
        steps.append(f"replica identity {_IDENTITIES.get(wanted['identity'], 'default')}")
    return f"{table} {', '.join(steps)};"
