"""Which steps make a cluster fit a layout, and what stands in the way of them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from oadb.tools.scale.cluster_catalog import (
    CitusTable,
    ClusterState,
    Coordinator,
    RoleSetting,
)
from oadb.tools.scale.layout_file import Layout, TablePlacement

# The oldest version of Citus with which this was run.
_OLDEST = 13

# Locales of messages in English.
_ENGLISH = ("C", "POSIX", "en")

# How to give a node the roles of the coordinator.
_ROLES = "see docs/scale.md#the-roles"


@dataclass(frozen=True, slots=True)
class ClusterStep:
    """A step, of a table or a function.

    Attributes:
        name: Of the table or the function, with its schema; or of the role.
        by, beside: As in a layout.
        setting, value: What the role is given.
    """

    kind: Literal["reference", "distribute", "drop rows", "function", "grant", "let in", "setting"]
    name: str
    by: str = ""
    beside: str = ""
    setting: str = ""
    value: str = ""

    def __str__(self) -> str:
        """Return what the step does."""
        match self.kind:
            case "reference":
                return f"copy {self.name} to every node"
            case "distribute":
                beside = f", beside {self.beside}" if self.beside else ""
                return f"distribute {self.name} by {self.by}{beside}"
            case "drop rows":
                return f"delete the rows of {self.name} that were moved from the coordinator"
            case "function":
                return f"send the function {self.name} to every node"
            case "grant":
                return f"grant privileges on the tables of {self.name} again"
            case "let in" | "setting":
                return self._of_role()

    def _of_role(self) -> str:
        if self.setting:
            return f"set {self.setting} = {self.value} for {self.name}, which writes logs"
        return f"let {self.name} connect to the workers, without a password"


def obstacles(state: ClusterState) -> Iterator[str]:
    """Yield what of the cluster is not ready for tables, each with what to do."""
    if not state.coordinator.is_coordinator:
        yield "this server is a worker: give the DATABASE_URL of the coordinator"
        return
    major = state.citus_version.partition(".")[0]
    if not major.isdecimal() or int(major) < _OLDEST:
        yield f"Citus {state.citus_version} is older than {_OLDEST}, with which this was tried"
    if not any(node.is_coordinator for node in state.nodes):
        yield (
            "the coordinator is no node of its own cluster: "
            "select citus_set_coordinator_host('HOST', PORT);"
        )
    if not any(node.takes_shards and not node.is_coordinator for node in state.nodes):
        yield "there is no worker that takes shards: select citus_add_node('HOST', PORT);"
    for node in state.nodes:
        if not node.is_active:
            yield f"{node.name} is not active: select citus_activate_node('HOST', PORT);"
    yield from _obstacles_of_workers(state)
    yield from _obstacles_of_roles(state.coordinator)


def _obstacles_of_roles(coordinator: Coordinator) -> Iterator[str]:
    if coordinator.propagated_settings != "local":
        yield (
            f"workers do not learn an identity: alter database {coordinator.database_name} "
            "set citus.propagate_set_commands = 'local';"
        )
    if not coordinator.has_separate_roles:
        yield (
            "an identity needs a role of its own: call oadb.create_roles(); "
            "call oadb.grant_privileges();"
        )
    if not coordinator.has_log_writer:
        yield (
            "no role could write logs: Citus copies rows, which row-level security refuses: "
            "create role NAME login bypassrls in role oadb_log; and give it to LogWriter in "
            "OADB_LOG_DATABASE_URL"
        )


def _obstacles_of_workers(state: ClusterState) -> Iterator[str]:
    expected = f"{state.coordinator.server_version} {state.citus_version}"
    for each in state.answers:
        if not each.is_answered:
            yield f"{each.node} does not answer: {each.answer}"
        elif each.answer != expected:
            yield (
                f"{each.node} has PostgreSQL and Citus {each.answer or 'without the extension'}, "
                f"this server {expected}: bring both to the same versions"
            )
        # By the text the LogWriter knows whether a row is at fault, or the worker.
        elif each.messages and not each.messages.startswith(_ENGLISH):
            yield (
                f"{each.node} says in {each.messages} why it refuses a row, and the coordinator "
                "passes on the text alone: alter system set lc_messages = 'C'; there"
            )
    for fault in state.role_faults:
        yield f"the role {fault.role_name} {fault.fault} on {fault.node}: {_ROLES}"


def misplaced(layout: Layout, state: ClusterState) -> Iterator[str]:
    """Yield the tables that Citus keeps otherwise than a layout says."""
    tables = {each.name: each for each in state.tables}
    schemas = {name.partition(".")[0] for name in layout}
    for table in state.tables:
        place = layout.get(table.name)
        if place is not None:
            fault = _misplacement(place, table, tables)
        elif table.name.partition(".")[0] in schemas:
            fault = "is in no layout"
        else:
            continue
        if fault:
            yield (
                f"{table.name} {fault}; select undistribute_table('{table.name}'), which Citus "
                "refuses for identity columns, or copy its rows into a new table, or change the "
                "layout"
            )


def _misplacement(
    place: TablePlacement, table: CitusTable, tables: Mapping[str, CitusTable]
) -> str:
    """Return what is wrong with where a table is; empty if nothing is."""
    if table.placement == "coordinator":
        return ""  # Citus has noted it because of a foreign key; it is not moved
    if table.placement != place.now:
        return f"is {_kind_of(table)}, and its place is: {place.now}"
    if table.by != place.by:
        return f"is distributed by {table.by}, and should be by {place.by}"
    other = tables.get(place.beside)
    if place.beside and (other is None or other.colocation_id != table.colocation_id):
        return f"is not beside {place.beside}"
    return ""


def _kind_of(table: CitusTable) -> str:
    return "of a kind that no layout has" if table.placement == "other" else table.placement


def steps(layout: Layout, state: ClusterState) -> list[ClusterStep]:
    """Return the steps that are left, in order; what was done is left out.

    Functions come first, which policies need; then reference tables, which others refer to; then
    tables that others are beside. What Citus has noted of a table of the coordinator does not count
    as a placement.
    """
    placed = {each.name: each for each in state.tables if each.placement != "coordinator"}
    if all(each.now == "coordinator" for each in layout.values()):
        return []
    found = [ClusterStep("function", name) for name in state.local_functions]
    ordered = sorted(layout.values(), key=lambda each: (bool(each.by), bool(each.beside)))
    for each in ordered:
        if each.now == "reference" and each.table not in placed:
            found.append(ClusterStep("reference", each.table))
        if each.now == "distributed":
            if each.table not in placed:
                found.append(ClusterStep("distribute", each.table, each.by, each.beside))
            if each.table not in placed or placed[each.table].has_rows_here:
                found.append(ClusterStep("drop rows", each.table))
    moves = any(step.kind == "distribute" for step in found)
    if state.lacks_grants or moves:
        found.append(ClusterStep("grant", "oadb"))
    # At last: with a table, Citus gives the role what it may on the coordinator.
    if state.closed_workers or moves:
        found.append(ClusterStep("let in", "oadb_user"))
    # Behind what is needed: it may be refused, where the role is somebody else's.
    found += settings(state.missing_settings)
    return found


def settings(missing: Iterable[RoleSetting]) -> Iterator[ClusterStep]:
    """Yield the steps that give roles their settings."""
    for each in missing:
        yield ClusterStep(
            "setting", each.role_name, setting=each.setting_name, value=each.setting_value
        )
