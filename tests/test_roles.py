"""The roles of oadb: identities, databases with one role, and the migration that makes them."""

import json
import shutil
import threading
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from psycopg.errors import (
    CannotCoerce,
    InsufficientPrivilege,
    InvalidTextRepresentation,
)

from oadb import Database
from oadb.accounts import users
from oadb.engine import dsn
from oadb.engine.binding.packages import Package, find
from oadb.errors import MigrationError
from oadb.testing.control import controlled
from oadb.testing.servers import Server
from oadb.tools.migrations import package_order
from oadb.tools.migrations.runner import migrate, rollback
from oadb.tools.scale import cluster_catalog, cluster_changes, cluster_plan
from tests.support.rig import config
from tests.support.roles import (
    ROLES,
    USERS,
    Connection,
    alone,
    ask,
    connect,
    migrated,
    server,
    sessions_of,
    url_of,
)
from tests.support.user_rows import COUNT, SEE, TABLES, database, fill, login

__all__ = ["alone", "migrated", "server", "sessions_of"]


# With and without an identity --------------------------------------------------------------------


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


@pytest.mark.parametrize("role", ["oadb_rotate", "oadb_ro", "oadb_owner", "oadb_log"])
def test_an_identity_is_refused_to_a_role_that_cannot_become_oadb_user(
    sessions_of: dict[str, Connection], role: str
) -> None:
    refusal = f"a_{role} cannot become oadb_user, which an identity needs"
    with pytest.raises(InsufficientPrivilege, match=refusal), sessions_of[role].transaction():
        sessions_of[role].execute("select oadb.act_as(2)")


def test_a_user_cannot_make_anyone_an_administrator(server: Server, migrated: str) -> None:
    assert migrated
    with connect(url_of(server, "oadb_app")) as connection, connection.transaction():
        connection.execute("select oadb.act_as(1)")
        assert ask(connection, "select current_user::text") == ["oadb_user"]
        with pytest.raises(InsufficientPrivilege), connection.transaction():
            connection.execute("update oadb.users set is_admin = true where user_id = 1")


@pytest.mark.parametrize("identity", ["1 or true", "NaN", "1; --"])
def test_an_identity_that_is_not_a_number_sees_nothing(
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


# One role ---------------------------------------------------------------------------------------


def test_one_role_is_bound_by_an_identity_and_sees_all_without(alone: str) -> None:
    with Database(config(alone)) as db:
        assert [COUNT[table](db) for table in TABLES] == [len(USERS)] * len(TABLES)
        assert [SEE[table](db.as_user(3)) for table in TABLES] == [[3]] * len(TABLES)


@pytest.fixture(scope="module")
def later(server: Server) -> Generator[str]:
    """Give the URL of a database that was migrated when there were roles, and stays so."""
    with database(server, "later", "alone") as url:
        yield url


@pytest.mark.long("migrates a database of its own")
def test_roles_of_other_databases_have_no_privileges_in_a_new_one(later: str) -> None:
    with connect(later) as connection:
        let_in = [
            role
            for role in ROLES
            if ask(connection, f"select has_schema_privilege('{role}', 'oadb', 'usage')") == [True]
        ]
    assert let_in == []


def test_a_superuser_that_row_security_would_not_bind_gets_no_identity(
    server: Server, alone: str
) -> None:
    assert alone
    with (
        Database(config(server.url("single"))) as db,
        pytest.raises(InsufficientPrivilege, match="does not bind the role postgres: see oadb"),
    ):
        users.get(db.as_user(1), 1)
    with connect(server.url("single")) as connection:
        with pytest.raises(InsufficientPrivilege) as refusal:
            connection.execute("select oadb.act_as(1)")
        assert "call oadb.grant_privileges()" in (refusal.value.diag.message_hint or "")


@pytest.mark.long("migrates a database of its own")
def test_a_dba_separates_the_roles_of_a_database_later(server: Server, later: str) -> None:
    assert later
    with database(server, "separated", "alone", copied_from="later") as url:
        with connect(server.url("separated")) as connection:
            connection.execute("call oadb.create_roles()")
            connection.execute("call oadb.grant_privileges()")
        fill(url, USERS)
        for role in ["alone", "a_oadb_app", "postgres"]:
            with Database(config(login(server, role, "separated"))) as db:
                assert COUNT["users"](db) == len(USERS)
                assert SEE["users"](db.as_user(2)) == [2]


def test_a_role_that_copies_logs_to_a_cluster_is_given_the_settings_that_it_has_not_chosen(
    server: Server, migrated: str
) -> None:
    assert migrated
    with connect(server.url("separate")) as connection:
        connection.execute("create role hasty login bypassrls in role oadb_log")
        connection.execute("""create role "a hasty" login bypassrls in role oadb_log""")
        connection.execute("alter role hasty set citus.max_cached_conns_per_worker = 4")
    with Database(config(server.url("separate"))) as db:
        missing = cluster_catalog._list_missing_settings(db)
        for step in cluster_plan.settings(missing):
            with db.transaction() as session:
                cluster_changes.take(session, step, shards=8)
        left = cluster_catalog._list_missing_settings(db)
    with connect(login(server, "hasty", "separate")) as session:
        cached = ask(session, "show citus.max_cached_conns_per_worker")
        mode = ask(session, "show citus.multi_shard_modify_mode")

    assert [(each.role_name, each.setting_name) for each in missing] == [
        ("a hasty", "citus.max_cached_conns_per_worker"),
        ("a hasty", "citus.multi_shard_modify_mode"),
        ("hasty", "citus.multi_shard_modify_mode"),
    ]
    assert (left, cached, mode) == ([], ["4"], ["sequential"])


def test_granting_privileges_again_removes_those_that_are_not_listed(
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
def test_a_text_that_is_not_a_privilege_is_refused(migrated: str, privileges: str) -> None:
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


@pytest.mark.slow  # migrates down and up, nine seconds
def test_row_security_is_rolled_back_completely_and_applied_again(
    server: Server, tmp_path: Path
) -> None:
    earlier, later = split(tmp_path)
    with connect(server.url("postgres")) as connection:
        connection.execute("create database undone owner oadb_owner")
    target = dsn.parse(login(server, "oadb_migrate", "undone"))
    try:
        with connect(server.url("undone")) as connection:
            connection.execute("create schema oadb_migrate authorization oadb_owner")
        migrate(target, packages=[Package("oadb", earlier, "sql")])
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
    """Copy the migrations before row security; return their package's SQL, and how many follow."""
    ids = [migration.id for migration in package_order.read([find("oadb")])]
    first = ids.index("0011_enable_row_security")
    (folder / "migrations").mkdir()
    for name in ids[:first]:
        for ending in (".sql", ".rollback.sql"):
            shutil.copy(find("oadb").sql / "migrations" / f"{name}{ending}", folder / "migrations")
    return folder, len(ids) - first


@pytest.mark.slow  # migrates three databases at once, ten seconds
@pytest.mark.parametrize("attribute", ["createrole", "superuser"])
def test_databases_that_are_migrated_at_once_create_the_roles_once(attribute: str) -> None:
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
    """Migrate databases at the same moment, and return the errors."""
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
