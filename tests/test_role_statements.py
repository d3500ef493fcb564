"""What each role may do and must not, statement by statement."""

import re

import psycopg
import pytest
from psycopg.errors import (
    InsufficientPrivilege,
)

from oadb import Database
from oadb.accounts import login_audit
from oadb.engine.binding.declarations import Declaration
from oadb.testing.servers import Server
from tests.support.each import for_each
from tests.support.rig import config
from tests.support.role_statements import (
    AUDIT,
    BANS,
    BATCHES,
    BY_LABEL,
    LOGS,
    MAINTENANCE,
    MAY,
    MUST_NOT,
    PARTITIONS,
    REQUESTS,
    ROLLUPS,
    ROTATION,
    STATEMENTS,
)
from tests.support.roles import (
    ROLES,
    Connection,
    alone,
    ask,
    connect,
    migrated,
    server,
    sessions_of,
    url_of,
)
from tests.support.user_rows import SEE, login

pytestmark = pytest.mark.long("plans every statement as each of seven roles")

__all__ = ["alone", "migrated", "server", "sessions_of"]


def test_no_group_of_statements_is_empty() -> None:
    groups = [ROTATION, AUDIT, LOGS, BATCHES, PARTITIONS, MAINTENANCE, REQUESTS, ROLLUPS, BANS]

    assert all(groups)


def planned(connection: Connection, declared: Declaration) -> str:
    """Return the plan of a statement, or of the variant that has most of its lines.

    Raises:
        InsufficientPrivilege: the role may not run it.
    """
    variants = declared.variants.values()
    declared = max(variants, key=lambda each: len(each.statement.params), default=declared)
    count = len(declared.statement.params)
    values = f"({', '.join(['null'] * count)})" if count else ""
    with connection.transaction(force_rollback=True):
        connection.execute("set local plan_cache_mode = force_generic_plan")
        connection.execute("set local enable_seqscan = off")
        # What is null would leave no partition.
        connection.execute("set local enable_partition_pruning = off")
        connection.execute(b"prepare planned as " + declared.statement.sql)
        try:
            return "\n".join(ask(connection, f"explain (costs off) execute planned{values}"))
        finally:
            if connection.info.transaction_status != psycopg.pq.TransactionStatus.INERROR:
                connection.execute("deallocate planned")


def refused(connection: Connection, labels: set[str]) -> set[str]:
    found = set()
    for label in labels:
        try:
            planned(connection, BY_LABEL[label])
        except InsufficientPrivilege:
            # A rollback does not remove a prepared statement.
            connection.execute("deallocate planned")
            found.add(label)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_run_the_statements_that_it_needs(
    sessions_of: dict[str, Connection], role: str
) -> None:
    assert refused(sessions_of[role], MAY[role]) == set()


def test_the_role_of_a_user_reads_logs_and_has_no_privilege_on_their_partitions(
    migrated: str,
) -> None:
    with connect(migrated) as connection:
        allowed = ask(
            connection,
            "select relname from pg_class, unnest(array['select', 'insert', 'update', 'delete']) "
            "as privilege where relnamespace = 'oadb'::regnamespace "
            "and (relkind = 'p' or relispartition) "
            "and relkind in ('r', 'p') and has_table_privilege('oadb_user', oid, privilege) "
            "order by relname",
        )

    assert allowed == ["analyzer_logs", "api_logs", "latency", "login_attempts", "traffic"]


def test_the_functions_that_statements_call_are_granted_to_each_role_by_name(
    migrated: str,
) -> None:
    """The server's owner may have revoked EXECUTE from PUBLIC."""
    called = {name for declared in STATEMENTS for name in declared.statement.functions}
    with connect(migrated) as connection:
        granted = ask(
            connection,
            "select proname, array(select grantee::regrole::text from aclexplode(proacl)) "
            "from pg_proc where pronamespace = 'oadb'::regnamespace",
        )
    missing = {name: {*ROLES} - {*roles} for name, roles in granted if name in called}

    assert {*missing} == {
        "act_as", "bin_duration", "defer_search_indexes", "duration_bin", "hold_search_indexes",
        "lockout_wait", "rollup_resolutions", "rollup_spans", "try_again",
    }  # fmt: skip  # a table
    assert all(roles == {"oadb_migrate"} for roles in missing.values())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_not_run_the_statements_of_others(
    sessions_of: dict[str, Connection], role: str
) -> None:
    labels = MUST_NOT[role]

    assert refused(sessions_of[role], labels) == labels


@pytest.mark.parametrize("role", ["oadb_app", "oadb_log", "oadb_rotate", "oadb_ro", "oadb_user"])
@for_each(
    "statement",
    [
        "create table oadb.mine (id int)",
        "create function oadb.mine() returns int language sql return 1",
        "create table public.mine (id int)",
        "alter table oadb.users disable row level security",
        "alter table oadb.users no force row level security",
        "drop policy user_policy on oadb.users",
        "create policy mine on oadb.users using (true)",
        "truncate oadb.sessions",
        "drop table oadb.sessions",
        "create trigger mine before insert on oadb.users for each row execute function mine()",
        "call oadb.create_roles()",
        "call oadb.grant_privileges()",
        "call oadb.make_log_partition('traffic', now() - interval '1 year', '1s', null)",
        "call oadb.drop_log_partition('traffic', 'traffic_20261123', '1s')",
        "call oadb.lock_in_turns('lock table oadb.traffic', '1s')",
        "drop table oadb.traffic_default",
        "delete from oadb.api_logs",
        "update oadb.api_logs set response = null",
        "insert into oadb.api_logs_default (logged_at) values (now())",
        "insert into oadb.role_privileges values ('oadb_log', 'api_keys', 'select')",
        "set role oadb_owner",
        "grant oadb_owner to oadb_app",
        "update oadb.login_attempts set reason = 'none'",
        "update oadb.users set user_id = default",
        "insert into oadb.users (user_id) overriding system value values (1000)",
        "insert into oadb.login_attempts (attempt_id) overriding system value values (1000)",
        "insert into oadb.login_attempts (attempted_at) values ('2000-01-01')",
        "insert into oadb.ban_exemptions (network, reason, is_builtin) values ('::/0', '', true)",
        "update oadb.ban_exemptions set is_builtin = false",
        "update oadb.setting_changes set new_value = '1'",
        "delete from oadb.setting_changes",
        "insert into oadb.setting_changes (changed_at) values ('2000-01-01')",
        "update oadb.app_setting_changes set new_value = 'analyze'",
        "delete from oadb.app_setting_changes",
        "insert into oadb.app_setting_changes (changed_at) values ('2000-01-01')",
        "delete from oadb.trading_mode",
        "insert into oadb.trading_mode default values",
        "delete from oadb.security_settings",
        "delete from oadb.smtp_settings",
        "update oadb.pending_orders set order_data = '{}'",
        "insert into oadb.pending_orders (status) values ('approved')",
        "update oadb.log_rejects set reason = 'none'",
        "insert into oadb.traffic (log_id) overriding system value values (1000)",
        "insert into oadb.log_drops (dropped_at) values ('2000-01-01')",
    ],
)
def test_no_service_changes_tables_rules_ids_or_the_audit(
    sessions_of: dict[str, Connection], role: str, statement: str
) -> None:
    with pytest.raises(InsufficientPrivilege):
        sessions_of[role].execute(statement.encode())


@pytest.mark.parametrize("column", ["is_admin = is_admin", "username = username"])
def test_only_services_and_the_owner_rename_and_promote_users(
    sessions_of: dict[str, Connection], column: str
) -> None:
    def allowed(role: str) -> bool:
        try:
            with sessions_of[role].transaction(force_rollback=True):
                sessions_of[role].execute(f"update oadb.users set {column}".encode())
        except InsufficientPrivilege:
            return False
        return True

    assert {role for role in ROLES if allowed(role)} == {
        "oadb_app", "oadb_owner", "oadb_migrate",
    }  # fmt: skip  # a table


def test_the_role_of_logs_records_attempts_and_reads_none(server: Server, migrated: str) -> None:
    with Database(config(url_of(server, "oadb_log"))) as db:
        login_audit._record(db, "user1", None, None, None, "password", "failed")
        with pytest.raises(InsufficientPrivilege):
            SEE["login_attempts"](db)
    with connect(migrated) as connection:
        recorded = ask(connection, "select user_id from oadb.login_attempts order by attempt_id")
        connection.execute(
            "delete from oadb.login_attempts "
            "where attempt_id = (select max(attempt_id) from oadb.login_attempts)"
        )

    assert recorded[-1] == 1


def test_services_read_what_was_applied_but_not_who_migrated_from_where(
    sessions_of: dict[str, Connection],
) -> None:
    def read(role: str, column: str) -> bool:
        try:
            sessions_of[role].execute(f"select {column} from public._yoyo_log".encode())
        except InsufficientPrivilege:
            return False
        return True

    shown = "id, migration_id, operation, comment, created_at_utc"
    assert {role for role in ROLES if read(role, shown)} == {
        "oadb_app", "oadb_ro", "oadb_owner", "oadb_migrate",
    }  # fmt: skip  # a table
    assert {role for role in ROLES if read(role, "username") or read(role, "hostname")} == {
        "oadb_owner", "oadb_migrate",
    }  # fmt: skip  # a table


LOCK = "lock table oadb.key_canaries in share row exclusive mode"

SECRETS = """
select c.oid::regclass::text, attname
from pg_attribute inner join pg_class as c on c.oid = attrelid
where relnamespace = 'oadb'::regnamespace and relkind in ('r', 'p') and attnum > 0
    and atttypid = 'bytea'::regtype and attname <> 'checksum'
    and has_column_privilege('{}', c.oid, attname, '{}')
"""


def test_only_rotation_and_the_owner_may_lock_the_canaries(
    sessions_of: dict[str, Connection],
) -> None:
    def allowed(role: str) -> bool:
        try:
            with sessions_of[role].transaction(force_rollback=True):
                sessions_of[role].execute(LOCK)
        except InsufficientPrivilege:
            return False
        return True

    assert {role for role in ROLES if allowed(role)} == {
        "oadb_rotate", "oadb_owner", "oadb_migrate",
    }  # fmt: skip  # a table


def test_the_read_only_role_sees_no_sealed_or_digested_column(
    sessions_of: dict[str, Connection],
) -> None:
    assert ask(sessions_of["oadb_ro"], SECRETS.format("oadb_ro", "select")) == []
    assert len(ask(sessions_of["oadb_ro"], SECRETS.format("oadb_owner", "select"))) > 10


def test_rotation_may_change_only_sealed_and_digested_columns_and_note_a_promotion(
    sessions_of: dict[str, Connection],
) -> None:
    changed = ask(
        sessions_of["oadb_rotate"],
        "select table_name, column_name from information_schema.column_privileges "
        "where grantee = 'oadb_rotate' and privilege_type = 'UPDATE' and table_schema = 'oadb'",
    )
    sealed = ask(sessions_of["oadb_rotate"], SECRETS.format("oadb_rotate", "update"))
    promotion = "oadb.key_canaries.promoted_at"

    assert sorted(f"oadb.{table}.{column}" for table, column in changed) == sorted(
        [promotion, *(".".join(row) for row in sealed)]
    )


def test_a_service_owns_nothing(sessions_of: dict[str, Connection]) -> None:
    owners = ask(
        sessions_of["oadb_app"],
        "select distinct relowner::regrole::text from pg_class "
        "where relnamespace = 'oadb'::regnamespace "
        "union select proowner::regrole::text from pg_proc "
        "where pronamespace = 'oadb'::regnamespace "
        "union select relowner::regrole::text from pg_class where relname like '%yoyo%'",
    )

    assert owners == ["oadb_owner"]


def test_a_role_without_grants_may_not_use_the_schema(server: Server, migrated: str) -> None:
    """Before PostgreSQL 16 an owner that may become oadb_user also has its privileges."""
    assert migrated
    with connect(server.url("postgres")) as connection:
        connection.execute("create role ungranted login")
    with (
        connect(login(server, "ungranted", "separate")) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute("select from oadb.instruments")


SERVED = [
    declared.label
    for declared in STATEMENTS
    if "Served by" in declared.statement.doc and declared.label in MAY["oadb_app"]
]


# Lists of accounts that grow; a user has few sessions and keys.
PAGED = [
    "users.list_all", "login_attempts.list_attempts",
    "broker_tokens.list_expiring", "user_settings.list_changes", "pending_orders.list_by_user",
]  # fmt: skip  # a table


@pytest.mark.parametrize("label", PAGED)
def test_a_policy_does_not_keep_a_page_from_beginning_at_its_position(
    sessions_of: dict[str, Connection], label: str
) -> None:
    """Otherwise each page reads all rows before it.

    Beside the condition of a policy, coalesce() is not part of an index condition, because the
    planner does not know that it leaks nothing; greatest() and least() are.
    """
    pages = [each for each in BY_LABEL[label].variants.values() if "last_" in str(each.parameters)]
    for page in pages:
        names = page.statement.params
        position = next(n for n, name in enumerate(names, 1) if name.startswith("last_"))
        plan = planned(sessions_of["oadb_app"], page)
        conditions = [line for line in plan.splitlines() if "Index Cond" in line]
        assert any(f"${position}" in line for line in conditions), plan
    assert pages


# Tables that do not grow: settings are one row, and operators make exemptions, whose networks are
# compared by && which might leak something.
SMALL = {"ban_exemptions", "security_settings"}

# Statements that read a window of a log. An owner is bound by a condition, and @> might leak
# something, so that an owner reads the window; the policy of services has no condition.
WINDOWS = {"latency.count": {"latency"}, "host_bans._ban_clients": {"traffic"}}
WINDOWS_OF_OWNERS = {**WINDOWS, "api_logs.search": {"api_logs"}}


def read_whole(plan: str) -> set[str]:
    """Return the tables that a plan reads from start to end; of partitions, their table."""
    # PostgreSQL 15 shows a scan that is never done.
    done = re.sub(r"One-Time Filter: false\s+->  Seq Scan on", "", plan)
    names = re.findall(r"Seq Scan on (\w+)", done)
    return {re.sub(r"_(\d{6,8}|default)$", "", name) for name in names} - SMALL


@pytest.mark.parametrize("role", ["oadb_app", "oadb_owner"])
@for_each("label", SERVED)
def test_a_policy_does_not_keep_a_statement_from_its_index(
    sessions_of: dict[str, Connection], label: str, role: str
) -> None:
    """The tables here are too small to test which index it is."""
    declared = BY_LABEL[label]
    plans = [planned(sessions_of[role], each) for each in declared.variants.values() or [declared]]

    windows = WINDOWS_OF_OWNERS if role == "oadb_owner" else WINDOWS
    assert {name for plan in plans for name in read_whole(plan)} == windows.get(label, set()), plans
