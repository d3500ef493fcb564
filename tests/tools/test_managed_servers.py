"""Roles as managed servers give them: no superuser, and another owner on the same server."""

from collections.abc import Generator

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from oadb import Database
from oadb.accounts import users
from oadb.engine import dsn
from oadb.engine.single_connection import SingleConnection
from oadb.testing.servers import Server
from oadb.tools import catalog, managed_servers
from oadb.tools.activity import server_findings
from oadb.tools.activity.server_findings import StatementStatistics
from oadb.tools.catalog import Role, Standing
from oadb.tools.migrations.runner import migrate, rollback, status
from oadb.tools.service_checks import roles_finding
from tests.support.prepared_servers import Prepared
from tests.support.rig import config
from tests.support.roles import ask, connect
from tests.support.user_rows import create_database, login

# The owner of each database, as documented: of RDS, Aurora, Cloud SQL and AlloyDB, then another
# one of the same server, and one of Neon and Supabase. The first makes the roles of the server.
OWNERS = {
    "first": "createrole createdb in role managed_administrator",
    "second": "createrole createdb",
    "exempt": "createrole createdb bypassrls",
}


def owned(server: Server) -> None:
    with connect(server.url("postgres")) as admin:
        admin.execute("create role managed_administrator in role pg_monitor, pg_signal_backend")
        for name, attributes in OWNERS.items():
            admin.execute(f"create role {name} login {attributes}".encode())
            create_database(server, name, name)
            migrate(dsn.parse(login(server, name, name)))


@pytest.fixture(scope="module")
def server(prepared: Prepared) -> Generator[Server]:
    with prepared(owned) as control:
        yield control.server


def sees_users(server: Server, name: str) -> bool:
    """Say whether the owner of a database may act as a user."""
    with Database(config(login(server, name, name))) as db:
        try:
            return users.get(db.as_user(1), 1) is None
        except InsufficientPrivilege:
            return False


def finding(server: Server, name: str) -> str:
    with Database(config(login(server, name, name))) as db:
        standing = catalog.find_standing(db)
        assert standing is not None
        found = roles_finding(standing, catalog.list_roles(db, [*catalog.SERVICE_ROLES]))
    return str(found)


@pytest.mark.slow  # migrates a database for each of three owners, and one of them twice
def test_every_owner_migrates_and_acts_as_users_once_the_maker_of_the_roles_lets_him(
    server: Server,
) -> None:
    with connect(server.url("postgres")) as admin:
        [version] = ask(admin, "select current_setting('server_version_num')::int")
    grants_all = version < 160000  # each role that may make roles grants any
    target = dsn.parse(login(server, "first", "first"))
    assert rollback(target) == migrate(target).applied
    assert {each.state for each in status(target)} == {"applied"}
    assert sees_users(server, "first")
    for name in ("second", "exempt"):
        assert sees_users(server, name) is grants_all
        if not grants_all:
            found = finding(server, name)
            assert found.startswith(
                f"FAIL roles: db.as_user is refused to {name}, which may not become oadb_user; the "
                f"roles were made for another database of this server; as first: grant oadb_user to"
            )
    if not grants_all:
        revoke = finding(server, "second").partition("do without them here: ")[2]
        with connect(login(server, "second", "second")) as connection:
            connection.execute(revoke.encode())
        assert sees_users(server, "second")
        assert "one for everything" in finding(server, "second")
        with connect(login(server, "first", "first")) as connection:
            connection.execute("grant oadb_user to exempt")
        assert sees_users(server, "exempt")
        assert "only db.as_user binds exempt" in finding(server, "exempt")


STANDING = Standing("app", "app", False, False, [])
ROLES = [Role(name, True) for name in ("oadb_app", "oadb_user")]


@pytest.mark.parametrize(
    ("givers", "advice"),
    [
        ([], "as the administrator of the server: grant oadb_user to app;"),
        (["app", "other"], "grant oadb_user to app;"),
        (
            ["maker", "other"],
            (
                "the roles were made for another database of this server; as maker or other: grant "
                "oadb_user to app; or, to do without them here: revoke usage on schema oadb from "
                "oadb_app, oadb_user;"
            ),
        ),
    ],
)
def test_who_may_grant_is_named(givers: list[str], advice: str) -> None:
    standing = Standing("app", "app", False, False, givers)

    assert roles_finding(standing, ROLES).advice == advice


@pytest.mark.parametrize(
    ("role", "who", "change"),
    [
        ("", "a superuser", "alter system set jit = off"),
        ("rds_superuser", "a member of rds_superuser", "set jit = off in the parameter group"),
        ("cloudsqlsuperuser", "a member of cloudsqlsuperuser", "set jit = off as a flag"),
        ("alloydbsuperuser", "a member of alloydbsuperuser", "set jit = off as a flag"),
        ("neon_superuser", "a member of neon_superuser", "set jit = off for the database"),
        ("supabase_admin", "the role postgres", "set jit = off in the database settings"),
    ],
)
def test_hints_name_what_can_be_done_on_the_server(
    url: str, role: str, who: str, change: str
) -> None:
    with psycopg.connect(url) as connection:
        if role:
            connection.execute(f"create role {role}".encode())
        db = SingleConnection(connection)
        found = managed_servers.find(db)
        missing = server_findings.explain_missing(db, StatementStatistics(True, None))
        [tuning] = server_findings.check_tuning(db)
        connection.rollback()

    assert found.who == who
    assert missing == (
        f"this database has no pg_stat_statements; as {who}: create extension pg_stat_statements;"
    )
    assert change in tuning.text
    assert "alter system" not in tuning.text or not role
