"""What makes a cluster of a database: tables and functions that are sent to the workers."""

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.errors import MigrationError
from oadb.tools.activity import optional_statements
from oadb.tools.scale.cluster_plan import ClusterStep

query = queries(__name__, folder=optional_statements.FOLDER)


@query
def _propagate() -> str: ...


@query
def _make_reference(table_name: str) -> str: ...


@query
def _distribute_first(table_name: str, by_column: str, shards: int) -> str: ...


@query
def _distribute_beside(table_name: str, by_column: str, beside: str) -> str: ...


@query
def _drop_rows_here(table_name: str) -> str: ...


@query
def _grant() -> None: ...


@query
def _let_identities_in() -> list[str]: ...


@query
def _send_function(name: str) -> str: ...


@query
def _name_setting(role_name: str, setting_name: str, setting_value: str) -> str: ...


@query
def _keep_setting() -> None: ...


query.complete()


def prepare(session: Runner) -> None:
    """Have Citus create on the workers what a table needs, in this session."""
    _propagate(session)


def take(session: Runner, step: ClusterStep, shards: int) -> None:
    """Do a step: whole, or not at all.

    Args:
        shards: into how many parts a table is divided that no other one is beside yet.

    Raises:
        MigrationError: a worker did not let oadb_user in.
    """
    match step.kind:
        case "reference":
            _make_reference(session, step.name)
        case "distribute" if step.beside:
            _distribute_beside(session, step.name, step.by, step.beside)
        case "distribute":
            _distribute_first(session, step.name, step.by, shards)
        case "drop rows":
            _drop_rows_here(session, step.name)
        case "function":
            _send_function(session, step.name)
        case "grant":
            _grant(session)
        case "setting":
            _name_setting(session, step.name, step.setting, step.value)
            _keep_setting(session)
        case "let in":
            failures = _let_identities_in(session)
            if failures:
                raise MigrationError(f"{step}: {'; '.join(failures)}")
