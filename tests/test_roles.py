"""The roles of oadb: what each may do and must not, who owns what, and where there are none."""

import json
import shutil
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import (
    CannotCoerce,
    InsufficientPrivilege,
    InvalidTextRepresentation,
)

from oadb import Database
from oadb.accounts import login_attempts, users
from oadb.engine import dsn
from oadb.engine.binding import statements
from oadb.engine.binding.declarations import Declaration
from oadb.errors import MigrationError
from oadb.testing.control import controlled
from oadb.testing.servers import Server
from oadb.tools.contract import comparison
from oadb.tools.migrations import script_folder
from oadb.tools.migrations.runner import migrate, rollback
from tests.support.rig import config
from tests.support.user_rows import COUNT, SEE, TABLES, database, fill, login

ROLES = [
    "oadb_app", "oadb_log", "oadb_migrate", "oadb_owner", "oadb_ro", "oadb_rotate", "oadb_user",
]  # fmt: skip
USERS = range(1, 4)

Connection = psycopg.Connection[Any]


def connect(url: str) -> Connection:
    # Nothing prepared behind our back: the tests prepare statements themselves.
    return psycopg.connect(url, autocommit=True, prepare_threshold=None)


def ask(connection: Connection, question: str) -> list[Any]:
    return [row[0] if len(row) == 1 else row for row in connection.execute(question.encode())]


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    """Give a server of our own: roles belong to a server, and some here can sign in."""
    with controlled() as control:
        yield control.server


@pytest.fixture(scope="module")
def alone(server: Server) -> Generator[str]:
    """Give the URL of a database whose one role may make no roles, and found none."""
    with connect(server.url("postgres")) as connection:
        connection.execute("create role alone login")
    with database(server, "single", "alone") as url:
        fill(url, USERS)
        yield url


@pytest.fixture(scope="module")
def made(server: Server, alone: str) -> None:
    """Have the roles made by a DBA in the database of one role, where they get nothing yet."""
    assert alone
    with connect(server.url("single")) as connection:
        assert ask(connection, "select rolname from pg_roles where rolname like 'oadb%'") == []
        connection.execute("call oadb.create_roles()")
        for role in ROLES:
            connection.execute(f"create role a_{role} login in role {role}".encode())
        connection.execute("alter role oadb_migrate login")


@pytest.fixture(scope="module")
def migrated(server: Server, made: None) -> Generator[str]:
    """Give the URL, for oadb_migrate, of a database that it has migrated."""
    assert made is None
    with connect(server.url("postgres")) as connection:
        connection.execute("create database separate")
        connection.execute("grant create on database separate to oadb_owner")
    with connect(server.url("separate")) as connection:
        connection.execute("grant create on schema public to oadb_owner")
    url = login(server, "oadb_migrate", "separate")
    migrate(dsn.parse(url))
    fill(url, USERS)
    yield url
    with connect(server.url("postgres")) as connection:
        connection.execute("drop database separate with (force)")


@pytest.fixture(scope="module")
def sessions_of(server: Server, migrated: str) -> Generator[dict[str, Connection]]:
    """Give a connection of a member of each role."""
    assert migrated
    urls = {role: login(server, f"a_{role}", "separate") for role in ROLES}
    connections = {role: connect(url) for role, url in urls.items()}
    yield connections
    for connection in connections.values():
        connection.close()


def url_of(server: Server, role: str) -> str:
    return login(server, f"a_{role}", "separate")


# What each role may do --------------------------------------------------------------------------

STATEMENTS = [
    declared
    for queries in comparison.domains()
    if queries.module != "migration_history"
    for declared in queries
    if declared.statement.words[0] in {"select", "insert", "update", "delete", "with"}
]
BY_LABEL = {declared.label: declared for declared in STATEMENTS}
ROTATION = {label for label in BY_LABEL if label.endswith(("._list_under_key", "._reseal"))}
AUDIT = {label for label in BY_LABEL if label.startswith("login_attempts.")}
LOGS = {label for label in BY_LABEL if label.startswith(("api_logs.", "analyzer_logs."))}
BATCHES = {label for label in BY_LABEL if label.startswith("writer.")}
PARTITIONS = {label for label in BY_LABEL if label.startswith("partitions.")}
MAINTENANCE = {"partitions.note_maintenance"} | {
    label for label in PARTITIONS if ".sweep_" in label
}
REQUESTS = {label for label in BY_LABEL if label.startswith(("traffic.", "latency."))}
WRITES = {"traffic._insert", "latency._insert"}
ROLLUPS = {label for label in BY_LABEL if label.startswith("rollups.")}
REFRESH = {
    "rollups._count_traffic", "rollups._merge_traffic", "rollups._count_latency",
    "rollups._merge_latency", "rollups._mark", "rollups._delete_traffic_before",
    "rollups._delete_latency_before",
}  # fmt: skip
# Without a table there is nothing to refuse.
TABLELESS = {
    "rollups._claim_refresh", "rollups._allow_time", "rollups.plan_lightly",
    "rollups._list_resolutions",
}  # fmt: skip
BANS = {label for label in BY_LABEL if label.startswith(("ip_bans.", "trackers.", "live_bans."))}
# Of the application's settings, a user sees whether orders go to a broker.
APPLICATION = {
    label for label in BY_LABEL if label.startswith(("app_settings.", "smtp_settings."))
} - {"app_settings.get_trading_mode"}
# Who imports writes the past, as the owner.
PAST = {
    "imports.get_progress", "imports.is_begun", "imports._advance", "imports._record_attempts",
}  # fmt: skip

MAY = {
    "oadb_app": {*BY_LABEL} - {"proof._enroll", "proof._remove"} - MAINTENANCE - REFRESH - PAST,
    "oadb_log": {
        "login_attempts.record", "api_logs._insert", "analyzer_logs._insert", *BATCHES, *WRITES,
    },
    "oadb_rotate": ROTATION
    | {"proof.list_canaries", "proof._enroll", "proof._remove", "proof.list_uses"},
    "oadb_ro": {
        "users.get", "users.find_by_username", "users.find_by_email", "users.list_page",
        "users.count_all", "login_attempts.list_recent", "login_attempts.count",
        "broker_tokens.list_by_user", "broker_tokens.list_expiring",
        "second_factors.get", "instruments.get", "instruments.count_by_broker", "proof.list_uses",
        *(LOGS - {"api_logs._insert", "analyzer_logs._insert"}), *(PARTITIONS - MAINTENANCE),
        *(REQUESTS - WRITES), *(ROLLUPS - REFRESH),
        "ip_bans._find_active", "ip_bans._find_exemption", "ip_bans.list_bans",
        "ip_bans.count_active", "ip_bans.list_exemptions", "trackers.list_suspects",
        "trackers.count_suspects", "live_bans._get_state", "live_bans._list_active",
        "user_settings._find", "user_settings.list_changes", "app_settings.get_trading_mode",
        "app_settings.get_security", "app_settings.list_changes", "pending_orders.list_recent",
        "strategies.find", "strategies._list_rows", "strategies.count_by_user",
        "chartink._list_rows", "chartink.count_by_user",
    },
    "oadb_user": {*BY_LABEL}
    - AUDIT
    - LOGS
    - BATCHES
    - PARTITIONS
    - REQUESTS
    - ROLLUPS
    - PAST
    - {"imports.record_batch", "imports.list_changed_settings", "takeover._adopt_ban"}
    - BANS
    - APPLICATION
    - {"proof._enroll", "proof._remove", "proof.list_uses", "users.create"}
    - {"rotation._list_under_key"}
    - {label for label in BY_LABEL if label.startswith("loads.")},
    "oadb_owner": {*BY_LABEL},
    "oadb_migrate": {*BY_LABEL},
}  # fmt: skip
MUST_NOT = {
    "oadb_app": {"proof._enroll", "proof._remove", *MAINTENANCE, *REFRESH, *PAST},
    "oadb_log": {
        "api_logs.list_recent", "analyzer_logs.list_recent", "partitions.count_lost",
        "login_attempts.list_recent", "login_attempts.delete_before", "users.get",
        "users._find_password", "api_keys._find_by_digest", "broker_tokens.find", "proof._enroll",
        *BANS,
        "strategies._insert", "strategies.find", "strategies._find_by_digest",
        *BANS, *(REQUESTS - WRITES), *(ROLLUPS - TABLELESS),
    },
    "oadb_rotate": {
        "users.create", "users._delete", "users.set_profile", "sessions._insert_session",
        "sessions._find_by_digest", "api_keys._insert_key", "api_keys._find_by_digest",
        "broker_tokens._put", "second_factors._accept_step", "second_factors.delete",
        *BANS,
        "login_attempts.record", "login_attempts.list_recent", "app_settings._set_trading_mode",
        "smtp_settings.get", "smtp_settings._set_account", "user_settings._find",
        "pending_orders.get",
        "strategies._insert", "strategies.find", "strategies._find_by_digest",
        "strategy_changes._set_active", "strategy_changes._put_mappings", "webhooks._replace",
        *LOGS, *BATCHES, *MAINTENANCE, *REQUESTS, "partitions.list_strays",
        *(ROLLUPS - TABLELESS),
    },
    "oadb_ro": {
        "api_logs._insert", "analyzer_logs._insert", *BATCHES, *MAINTENANCE, *WRITES, *REFRESH,
        "users._find_password", "sessions._find_by_digest", "api_keys._find_by_digest",
        "api_keys._get_kept_token", "broker_tokens.find", "second_factors._accept_step",
        "users._delete", "smtp_settings._get_sealed", "smtp_settings._set_account",
        "user_settings._put",
        "app_settings._set_trading_mode", "pending_orders._approve",
        "strategies._find_by_digest", "strategies._find_by_digests",
        "strategy_changes._set_active", "strategy_changes._delete_mappings", "webhooks._replace",
        "proof.list_canaries", "proof._enroll", *ROTATION,
        "ip_bans._put", "ip_bans._unban", "ip_bans._exempt", "ip_bans._unexempt", "ip_bans.sweep",
        "trackers._count_hit", "trackers.delete", "trackers.sweep",
    },
    "oadb_user": {
        "proof._enroll", "proof._remove", "users.create", "login_attempts.record",
        "login_attempts.delete_before", "loads._merge_staged", "rotation._list_under_key",
        *LOGS, *BATCHES, *MAINTENANCE, *BANS, *APPLICATION, "partitions.list_strays",
        *REQUESTS, *(ROLLUPS - TABLELESS),
    },
    "oadb_owner": set(),
    "oadb_migrate": set(),
}  # fmt: skip


def test_no_group_of_statements_is_empty() -> None:
    groups = [ROTATION, AUDIT, LOGS, BATCHES, PARTITIONS, MAINTENANCE, REQUESTS, ROLLUPS, BANS]

    assert all(groups)


def planned(connection: Connection, declared: Declaration) -> str:
    """Return the plan of a statement. Raises InsufficientPrivilege, as running it would."""
    count = len(declared.statement.params)
    values = f"({', '.join(['null'] * count)})" if count else ""
    with connection.transaction(force_rollback=True):
        connection.execute("set local plan_cache_mode = force_generic_plan")
        connection.execute("set local enable_seqscan = off")
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
            # Preparing is not undone with a transaction.
            connection.execute("deallocate planned")
            found.add(label)
    return found


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_run_the_statements_that_it_needs(
    sessions_of: dict[str, Connection], role: str
) -> None:
    assert refused(sessions_of[role], MAY[role]) == set()


def test_a_user_has_nothing_to_do_with_what_is_partitioned(migrated: str) -> None:
    """Logs have no row-level security, with which COPY FROM does not work."""
    with connect(migrated) as connection:
        allowed = ask(
            connection,
            "select relname from pg_class, unnest(array['select', 'insert', 'update', 'delete']) "
            "as privilege where relnamespace = 'oadb'::regnamespace "
            "and (relkind = 'p' or relispartition) "
            "and relkind in ('r', 'p') and has_table_privilege('oadb_user', oid, privilege)",
        )

    assert allowed == []


def test_the_functions_that_statements_call_are_granted_to_each_role_by_name(
    migrated: str,
) -> None:
    """A server may have taken back what PUBLIC may execute."""
    called = {name for declared in STATEMENTS for name in declared.statement.functions}
    with connect(migrated) as connection:
        granted = ask(
            connection,
            "select proname, array(select grantee::regrole::text from aclexplode(proacl)) "
            "from pg_proc where pronamespace = 'oadb'::regnamespace",
        )
    missing = {name: {*ROLES} - {*roles} for name, roles in granted if name in called}

    assert {*missing} == {
        "act_as", "bin_duration", "duration_bin", "lockout_wait", "rollup_resolutions",
        "rollup_spans", "try_again",
    }  # fmt: skip
    assert all(roles == {"oadb_migrate"} for roles in missing.values())


@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_not_run_what_is_not_its_work(
    sessions_of: dict[str, Connection], role: str
) -> None:
    labels = MUST_NOT[role]

    assert refused(sessions_of[role], labels) == labels


@pytest.mark.parametrize("role", ["oadb_app", "oadb_log", "oadb_rotate", "oadb_ro", "oadb_user"])
@pytest.mark.parametrize(
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
        "update oadb.users set is_admin = true",
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


def test_a_writer_of_logs_records_attempts_and_reads_none(server: Server, migrated: str) -> None:
    with Database(config(url_of(server, "oadb_log"))) as db:
        login_attempts.record(db, "user1", None, None, None, "password", "failed")
        with pytest.raises(InsufficientPrivilege):
            SEE["login_attempts"](db)
    with connect(migrated) as connection:
        recorded = ask(connection, "select user_id from oadb.login_attempts order by attempt_id")
        connection.execute(
            "delete from oadb.login_attempts "
            "where attempt_id = (select max(attempt_id) from oadb.login_attempts)"
        )

    assert recorded[-1] == 1


LOCK = "lock table oadb.key_canaries in share row exclusive mode"

SECRETS = """
select c.oid::regclass::text, attname
from pg_attribute inner join pg_class as c on c.oid = attrelid
where relnamespace = 'oadb'::regnamespace and relkind in ('r', 'p') and attnum > 0
    and atttypid = 'bytea'::regtype and attname <> 'checksum'
    and has_column_privilege('{}', c.oid, attname, '{}')
"""


def test_rotation_alone_holds_the_canaries_still(sessions_of: dict[str, Connection]) -> None:
    def allowed(role: str) -> bool:
        try:
            with sessions_of[role].transaction(force_rollback=True):
                sessions_of[role].execute(LOCK)
        except InsufficientPrivilege:
            return False
        return True

    assert {role for role in ROLES if allowed(role)} == {
        "oadb_rotate", "oadb_owner", "oadb_migrate",
    }  # fmt: skip


def test_who_looks_sees_no_column_that_is_sealed_or_digested(
    sessions_of: dict[str, Connection],
) -> None:
    assert ask(sessions_of["oadb_ro"], SECRETS.format("oadb_ro", "select")) == []
    assert len(ask(sessions_of["oadb_ro"], SECRETS.format("oadb_owner", "select"))) > 10


def test_rotation_changes_what_is_sealed_or_digested_alone(
    sessions_of: dict[str, Connection],
) -> None:
    changed = ask(
        sessions_of["oadb_rotate"],
        "select table_name, column_name from information_schema.column_privileges "
        "where grantee = 'oadb_rotate' and privilege_type = 'UPDATE' and table_schema = 'oadb'",
    )
    sealed = ask(sessions_of["oadb_rotate"], SECRETS.format("oadb_rotate", "update"))

    assert sorted(f"oadb.{table}.{column}" for table, column in changed) == sorted(
        ".".join(row) for row in sealed
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


def test_nobody_but_services_may_use_the_schema(server: Server, migrated: str) -> None:
    assert migrated
    with (
        connect(login(server, "alone", "separate")) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute("select from oadb.instruments")


# With an identity, and without ------------------------------------------------------------------


@pytest.mark.parametrize("role", ["oadb_owner", "oadb_migrate", "oadb_app"])
def test_without_an_identity_the_owner_and_the_service_see_all(
    server: Server, migrated: str, role: str
) -> None:
    assert migrated
    with Database(config(url_of(server, role))) as db:
        assert [COUNT[table](db) for table in TABLES] == [len(USERS)] * len(TABLES)


@pytest.mark.parametrize("role", ["oadb_rotate", "oadb_ro"])
def test_without_an_identity_other_services_see_all(
    sessions_of: dict[str, Connection], role: str
) -> None:
    counts = [
        ask(sessions_of[role], f"select count(user_id) from oadb.{table}")
        for table in ["users", "sessions", "api_keys", "broker_tokens", "second_factors"]
    ]

    assert counts == [[len(USERS)]] * 5


def test_without_an_identity_the_role_of_one_user_sees_nothing(
    server: Server, migrated: str
) -> None:
    assert migrated
    with Database(config(url_of(server, "oadb_user"))) as db:
        assert [COUNT[table](db) for table in TABLES] == [0] * len(TABLES)
        assert [SEE[table](db.as_user(2)) for table in TABLES] == [[2]] * len(TABLES)


@pytest.mark.parametrize("role", ["oadb_rotate", "oadb_ro", "oadb_owner"])
def test_an_identity_binds_also_a_role_that_cannot_become_oadb_user(
    sessions_of: dict[str, Connection], role: str
) -> None:
    with sessions_of[role].transaction():
        sessions_of[role].execute("select oadb.act_as(2)")
        assert ask(sessions_of[role], "select user_id from oadb.users") == [2]
    assert len(ask(sessions_of[role], "select user_id from oadb.users")) == len(USERS)


def test_a_user_makes_nobody_an_administrator(server: Server, migrated: str) -> None:
    assert migrated
    with connect(url_of(server, "oadb_app")) as connection, connection.transaction():
        connection.execute("select oadb.act_as(1)")
        assert ask(connection, "select current_user::text") == ["oadb_user"]
        with pytest.raises(InsufficientPrivilege), connection.transaction():
            connection.execute("update oadb.users set is_admin = true where user_id = 1")


@pytest.mark.parametrize("identity", ["1 or true", "NaN", "1; --"])
def test_an_identity_that_is_no_number_sees_nothing(
    sessions_of: dict[str, Connection], identity: str
) -> None:
    connection = sessions_of["oadb_app"]
    with connection.transaction(force_rollback=True):
        connection.execute("select set_config('oadb.user_id', %s, true)", [identity])
        with pytest.raises((InvalidTextRepresentation, CannotCoerce)), connection.transaction():
            connection.execute("select user_id from oadb.users")


def test_a_role_of_one_user_that_row_security_would_not_bind_is_refused(
    server: Server, migrated: str
) -> None:
    assert migrated
    with connect(server.url("separate")) as connection:
        connection.execute("alter role oadb_user bypassrls")
        try:
            with (
                Database(config(url_of(server, "oadb_app"))) as db,
                pytest.raises(InsufficientPrivilege, match="does not bind the role oadb_user"),
            ):
                users.get(db.as_user(1), 1)
        finally:
            connection.execute("alter role oadb_user nobypassrls")


# Indexes ----------------------------------------------------------------------------------------

SERVED = [
    declared.label
    for declared in STATEMENTS
    if "Served by" in declared.statement.doc
    and not declared.label.startswith("instruments.")
    and declared.label in MAY["oadb_app"]
]


@pytest.mark.parametrize(
    "label",
    SERVED,
)
def test_a_policy_does_not_keep_a_statement_from_its_index(
    sessions_of: dict[str, Connection], label: str
) -> None:
    """Which index it is, tables as small as these do not tell."""
    assert "Seq Scan" not in planned(sessions_of["oadb_app"], BY_LABEL[label])


# One role ---------------------------------------------------------------------------------------


def test_one_role_is_bound_by_an_identity_and_sees_all_without(alone: str, made: None) -> None:
    assert made is None
    with Database(config(alone)) as db:
        assert [COUNT[table](db) for table in TABLES] == [len(USERS)] * len(TABLES)
        assert [SEE[table](db.as_user(3)) for table in TABLES] == [[3]] * len(TABLES)


def test_roles_of_another_database_are_not_let_in(server: Server, alone: str, made: None) -> None:
    assert alone
    assert made is None
    with database(server, "later", "alone") as url, connect(url) as connection:
        let_in = [
            role
            for role in ROLES
            if ask(connection, f"select has_schema_privilege('{role}', 'oadb', 'usage')") == [True]
        ]
    assert let_in == []


def test_a_superuser_that_nothing_binds_is_refused_an_identity(
    server: Server, alone: str, made: None
) -> None:
    assert alone
    assert made is None
    with (
        Database(config(server.url("single"))) as db,
        pytest.raises(InsufficientPrivilege, match="does not bind the role postgres: see oadb"),
    ):
        users.get(db.as_user(1), 1)
    with connect(server.url("single")) as connection:
        with pytest.raises(InsufficientPrivilege) as refusal:
            connection.execute("select oadb.act_as(1)")
        assert "call oadb.grant_privileges()" in (refusal.value.diag.message_hint or "")


def test_a_dba_separates_the_roles_of_a_database_later(server: Server, made: None) -> None:
    assert made is None
    with database(server, "separated", "alone") as url:
        with connect(server.url("separated")) as connection:
            connection.execute("call oadb.create_roles()")
            connection.execute("call oadb.grant_privileges()")
        fill(url, USERS)
        for role in ["alone", "a_oadb_app", "postgres"]:
            with Database(config(login(server, role, "separated"))) as db:
                assert COUNT["users"](db) == len(USERS)
                assert SEE["users"](db.as_user(2)) == [2]


def test_privileges_are_those_of_the_table_whatever_was_granted(
    server: Server, migrated: str
) -> None:
    with connect(migrated) as connection:
        before = acls(connection)
        connection.execute("grant select on oadb.api_keys to oadb_ro")
        connection.execute("grant update (is_admin) on oadb.users to oadb_user")
        connection.execute("call oadb.grant_privileges()")

        assert acls(connection) == before
    assert server


@pytest.mark.parametrize(
    "privileges", ["select on oadb.users to public --", "select; drop table oadb.users"]
)
def test_a_privilege_is_nothing_but_a_privilege(migrated: str, privileges: str) -> None:
    with connect(migrated) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(
            "insert into oadb.role_privileges values ('oadb_ro', 'x', %s)", [privileges]
        )


# Migrations -------------------------------------------------------------------------------------

ACLS = """
select relname || coalesce('.' || attname, ''), kind, grantee, privilege_type
from (
    select c.relname, null as attname, c.relkind::text as kind,
        coalesce(c.relacl, acldefault('r', c.relowner)) as acl
    from pg_class as c where c.relnamespace = 'oadb'::regnamespace and c.relkind in ('r', 'p')
    union all
    select c.relname, a.attname, 'column', a.attacl
    from pg_attribute as a inner join pg_class as c on c.oid = a.attrelid
    where c.relnamespace = 'oadb'::regnamespace and a.attacl is not null
        and not a.attisdropped
    union all
    select p.proname, null, 'function', coalesce(p.proacl, acldefault('f', p.proowner))
    from pg_proc as p where p.pronamespace = 'oadb'::regnamespace
    union all
    select n.nspname, null, 'schema', coalesce(n.nspacl, acldefault('n', n.nspowner))
    from pg_namespace as n where n.nspname = 'oadb'
    union all
    select c.relname, null, 'yoyo', coalesce(c.relacl, acldefault('r', c.relowner))
    from pg_class as c where c.relname = '_yoyo_migration'
) as objects, aclexplode(acl)
"""

OBJECTS = """
select c.relname, c.relkind::text, c.relowner::regrole::text, c.relrowsecurity,
    c.relforcerowsecurity, (select count(*) from pg_policy where polrelid = c.oid)
from pg_class as c where c.relnamespace = 'oadb'::regnamespace
union all
select p.proname, 'function', p.proowner::regrole::text, p.prosecdef, false, 0
from pg_proc as p where p.pronamespace = 'oadb'::regnamespace
"""


def acls(connection: Connection) -> list[str]:
    return sorted(json.dumps(row) for row in ask(connection, ACLS))


def state(url: str) -> list[str]:
    with connect(url) as connection:
        return acls(connection) + sorted(json.dumps(row) for row in ask(connection, OBJECTS))


def test_row_security_is_taken_back_whole_and_applied_again(
    server: Server, made: None, tmp_path: Path
) -> None:
    assert made is None
    earlier, later = split(tmp_path)
    with connect(server.url("postgres")) as connection:
        connection.execute("create database undone owner oadb_owner")
    target = dsn.parse(login(server, "oadb_migrate", "undone"))
    try:
        with connect(server.url("undone")) as connection:
            connection.execute("create schema oadb_migrate authorization oadb_owner")
        migrate(target, folder=earlier)
        before = state(server.url("undone"))
        migrate(target)
        applied = state(server.url("undone"))
        rollback(target, count=later)
        undone = state(server.url("undone"))
        migrate(target)

        assert undone == before
        assert state(server.url("undone")) == applied != before
        with connect(server.url("undone")) as connection:
            found = ask(connection, "select rolname from pg_roles where rolname like 'oadb%'")
        assert sorted(found) == ROLES
    finally:
        with connect(server.url("postgres")) as connection:
            connection.execute("drop database undone with (force)")


def split(folder: Path) -> tuple[Path, int]:
    """Copy the migrations before row security to a folder; return it and the number of others."""
    ids = [migration.id for migration in script_folder.read(None)]
    first = ids.index("0011_enable_row_security")
    for name in ids[:first]:
        for ending in (".sql", ".rollback.sql"):
            shutil.copy(statements.sql_folder() / "migrations" / f"{name}{ending}", folder)
    return folder, len(ids) - first


@pytest.mark.parametrize(
    "attribute", ["createrole", pytest.param("superuser", marks=pytest.mark.slow)]
)
def test_databases_that_are_migrated_at_once_make_the_roles_once(attribute: str) -> None:
    with controlled() as control:
        names = [f"at_once_{number}" for number in range(3)]
        with connect(control.url) as connection:
            connection.execute(f"create role maker login {attribute}".encode())
            for name in names:
                connection.execute(f"create database {name} owner maker".encode())
        errors = at_once([dsn.parse(login(control.server, "maker", name)) for name in names])

        assert errors == []
        with connect(control.url) as connection:
            assert (
                ask(
                    connection,
                    "select rolname from pg_roles where rolname like 'oadb%' order by rolname",
                )
                == ROLES
            )
            assert ask(
                connection,
                "select roleid::regrole::text, member::regrole::text from pg_auth_members "
                "where member::regrole::text like 'oadb%' order by 1",
            ) == [("oadb_owner", "oadb_migrate"), ("oadb_user", "oadb_app")]


def at_once(targets: list[dsn.Dsn]) -> list[str]:
    """Migrate databases, all at the same moment; return what went wrong."""
    errors: list[str] = []
    start = threading.Barrier(len(targets))

    def run(target: dsn.Dsn) -> None:
        start.wait()
        try:
            migrate(target)
        except MigrationError as error:
            errors.append(str(error))

    threads = [threading.Thread(target=run, args=[target]) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors
