"""What runs beside the plan of a statement, as lines: its triggers and foreign keys.

fires records_session_begun of oadb.sessions after insert of each row: oadb.record_security_event
looks up oadb.users in users_pkey: sessions_user_id_fkey
searches oadb.api_keys in api_keys_pkey: api_keys_user_id_fkey, on delete cascade
    may fire records_api_key_deleted of oadb.api_keys after delete of each row: ...

What may fire has a condition, its "when".
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oadb.engine.binding.lexer import Token
from oadb.engine.binding.statements import Statement
from oadb.engine.executors import Runner
from oadb.tools.dependencies.uses import StatementUses, TableUse
from oadb.tools.plans import unseen_work
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.unseen_work import CheckedKey, FiredTrigger, UnseenWork, WriteEvent

_PART = re.compile(r'"((?:[^"]|"")*)"|([^".]+)')

_SILENT = frozenset({"space", "comment"})

_EVENTS: dict[str, tuple[WriteEvent, ...]] = {
    "Insert": ("insert",),
    "Update": ("update",),
    "Delete": ("delete",),
    "Merge": ("insert", "update", "delete"),
}


@dataclass(frozen=True, slots=True)
class TableWrite:
    """That a statement writes a table.

    Attributes:
        table: As ``schema.name``, without quotes.
        columns: Those that an update sets; None if that is not known.
    """

    table: str
    event: WriteEvent
    columns: frozenset[str] | None = None


def of_uses(uses: StatementUses) -> Iterator[TableWrite]:
    """Yield what a statement writes, as PostgreSQL understands it."""
    for use in uses.tables:
        if not use.through:
            yield from _of_use(use)


def _of_use(use: TableUse) -> Iterator[TableWrite]:
    name = ".".join(
        quoted.replace('""', '"') or plain for quoted, plain in _PART.findall(use.table)
    )
    if "insert" in use.commands:
        yield TableWrite(name, "insert")
    if use.updates:  # without columns it is a lock of rows
        yield TableWrite(name, "update", use.updates)
    if "delete" in use.commands:
        yield TableWrite(name, "delete")


def of_tree(tree: PlanNode) -> Iterator[TableWrite]:
    """Yield what a plan writes; which columns an update sets is not in it.

    Of a MERGE, it is all that it might do.
    """
    found = [
        TableWrite(node.relation, event)
        for node in tree.walk()
        if node.relation is not None
        for event in _events_of(node)
    ]
    yield from dict.fromkeys(found)


def _events_of(node: PlanNode) -> Iterator[WriteEvent]:
    yield from _EVENTS.get(node.kind, ())
    if node.updates_conflicts:
        yield "update"


def has_writes(tree: PlanNode) -> bool:
    """Say whether a plan writes."""
    return any(node.kind in _EVENTS for node in tree.walk())


def lines(work: UnseenWork, writes: Iterable[TableWrite]) -> Iterator[str]:
    """Yield a line for each trigger and foreign key, with what a cascade does below it."""
    seen = set[TableWrite]()
    for write in writes:
        yield from _lines(work, write, seen)


def _lines(work: UnseenWork, write: TableWrite, seen: set[TableWrite]) -> Iterator[str]:
    """Yield the lines of a write, once: tables may refer to each other in a circle."""
    if write in seen:
        return
    seen.add(write)
    for trigger in work.fired(write.table, write.event, write.columns):
        yield _fires(trigger, write.event)
    for key in work.looked_up(write.table, write.event, write.columns):
        where = f"looks up {key.target} in {key.target_index}: {key.name}"
        yield f"{where}{_if_changed(write, key.columns)}"
    for key in work.searched(write.table, write.event, write.columns):
        yield f"{_searches(key, write)}{_if_changed(write, key.target_columns)}"
        for then in _cascaded(key, write.event):
            yield from (f"    {line}" for line in _lines(work, then, seen))


def _fires(trigger: FiredTrigger, event: WriteEvent) -> str:
    when = f"{trigger.timing} {event}"
    if trigger.is_for_each_row:
        when += " of each row"
    if event == "update" and trigger.columns:
        when += f" that sets {' or '.join(trigger.columns)}"
    fires = "may fire" if trigger.is_conditional else "fires"
    return f"{fires} {trigger.name} of {trigger.table_name} {when}: {trigger.function_name}"


def _searches(key: CheckedKey, write: TableWrite) -> str:
    where = (
        f"all of {key.table_name}"
        if key.index_name is None
        else f"{key.table_name} in {key.index_name}"
    )
    return f"searches {where}: {key.name}, on {write.event} {_action(key, write.event)}"


def _action(key: CheckedKey, event: WriteEvent) -> str:
    return key.on_delete if event == "delete" else key.on_update


def _if_changed(write: TableWrite, columns: Iterable[str]) -> str:
    return f", if {' or '.join(columns)} changes" if write.event == "update" else ""


def _cascaded(key: CheckedKey, event: WriteEvent) -> Iterator[TableWrite]:
    """Yield what the action of a foreign key writes."""
    action = _action(key, event)
    if action == "cascade" and event == "delete":
        yield TableWrite(key.table_name, "delete")
    elif action in {"cascade", "set null", "set default"}:
        yield TableWrite(key.table_name, "update", frozenset(key.columns))


def calls(db: Runner, statement: Statement) -> Iterator[str]:
    """Yield a line for each function with statements of its own that a statement names.

    Raises:
        UnavailableError: no connection to the server.
    """
    code = [_plain(part) for part in statement.parts if part.kind not in _SILENT]
    names = {
        f"{schema}.{name}"
        for schema, dot, name, bracket in zip(code, code[1:], code[2:], code[3:], strict=False)
        if dot == "." and bracket == "("
    }
    for each in unseen_work.list_functions(db, sorted(names)):
        yield f"calls {each.name}, in {each.language}"


def _plain(part: Token) -> str:
    """Return a name as the catalog has it."""
    if part.kind == "quoted":
        return part.text[1:-1].replace('""', '"')
    return part.text.lower()
