"""What Citus says of its cluster: nodes, their roles, and the tables that it keeps."""

from dataclasses import dataclass

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity import optional_statements
from oadb.tools.scale.citus_presence import find_citus_version

query = queries(__name__, folder=optional_statements.FOLDER)


@dataclass(frozen=True, slots=True)
class Coordinator:
    """The server that was asked.

    Attributes:
        database_name: As SQL writes it.
        propagated_settings: Which settings of a transaction Citus sends to workers: none or local.
        server_version: The major version of PostgreSQL.
        has_separate_roles: Whether an identity becomes oadb_user.
        has_log_writer: Whether a role can sign in that may write logs by COPY: a member of
            oadb_log with bypassrls.
    """

    is_coordinator: bool
    database_name: str
    propagated_settings: str
    server_version: int
    has_separate_roles: bool
    has_log_writer: bool


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A primary node of the cluster; its name is host:port."""

    name: str
    is_coordinator: bool
    is_active: bool
    takes_shards: bool


@dataclass(frozen=True, slots=True)
class WorkerAnswer:
    """The versions of PostgreSQL and Citus of a worker, as ``15 13.2-1``, or its error.

    Attributes:
        messages: The locale of its messages; empty: that of its environment.
    """

    node: str
    is_answered: bool
    answer: str
    messages: str


@dataclass(frozen=True, slots=True)
class RoleFault:
    """What a role of the coordinator lacks on a worker: ``is missing``."""

    node: str
    role_name: str
    fault: str


@dataclass(frozen=True, slots=True)
class RoleSetting:
    """A setting of the sessions of a role, in this database."""

    role_name: str
    setting_name: str
    setting_value: str


@dataclass(frozen=True, slots=True)
class CitusTable:
    """A table that Citus keeps.

    Attributes:
        placement: distributed, reference, coordinator, or other: of a kind that no layout has.
        by: The column by which it is distributed.
        colocation_id: The same for tables whose shards are side by side.
        has_rows_here: Whether the coordinator still has the rows that were moved to workers.
    """

    name: str
    placement: str
    by: str
    colocation_id: int
    has_rows_here: bool


@query
def _get_coordinator() -> Coordinator: ...


@query
def _list_nodes() -> list[ClusterNode]: ...


@query
def _list_answers() -> list[WorkerAnswer]: ...


@query
def _list_role_faults() -> list[RoleFault]: ...


@query
def _list_closed_workers() -> list[str]: ...


@query
def _lacks_grants() -> bool: ...


@query
def _list_missing_settings() -> list[RoleSetting]: ...


@query
def _list_tables() -> list[CitusTable]: ...


@query
def _list_local_functions(schemas: list[str]) -> list[str]: ...


query.complete()


@dataclass(frozen=True, slots=True)
class ClusterState:
    """The cluster at a moment.

    Attributes:
        citus_version: Of the extension in the database.
        closed_workers: Those that a transaction under an identity could not reach.
        lacks_grants: Whether a role that writes a distributed table may not yet do so.
        missing_settings: Those without which writers of logs connect to workers for each batch.
        local_functions: Functions that the workers do not have and need.
    """

    citus_version: str
    coordinator: Coordinator
    nodes: list[ClusterNode]
    answers: list[WorkerAnswer]
    role_faults: list[RoleFault]
    closed_workers: list[str]
    lacks_grants: bool
    missing_settings: list[RoleSetting]
    tables: list[CitusTable]
    local_functions: list[str]


def distributed(db: Runner) -> set[str]:
    """Return the tables whose rows are on workers; without Citus, none."""
    if find_citus_version(db) is None:
        return set()
    return {each.name for each in _list_tables(db) if each.placement == "distributed"}


def read(db: Runner, citus_version: str, schemas: list[str]) -> ClusterState:
    """Read the state of the cluster; asks each worker for its versions and roles.

    Args:
        schemas: of the tables that are placed.
    """
    coordinator = _get_coordinator(db)
    asks = coordinator.is_coordinator  # a worker cannot ask the others
    return ClusterState(
        citus_version,
        coordinator,
        _list_nodes(db),
        _list_answers(db) if asks else [],
        _list_role_faults(db) if asks else [],
        _list_closed_workers(db) if asks else [],
        _lacks_grants(db),
        _list_missing_settings(db),
        _list_tables(db),
        _list_local_functions(db, schemas),
    )
