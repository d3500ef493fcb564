"""Findings of ``oadb doctor``: none on a healthy database, and one for each possible problem."""

import secrets
from collections.abc import Generator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import psycopg
import pytest

from oadb import Config, Database
from oadb.engine.binding.packages import find
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing
from oadb.testing.control import controlled
from oadb.testing.servers import Server
from oadb.tools import health
from oadb.tools.activity.alert_limits import USUAL
from oadb.tools.findings import Finding
from tests.support.finding_names import EVERY_SUBJECT
from tests.support.user_rows import database, login

pytestmark = pytest.mark.long("each runs all checks of the doctor")


@pytest.fixture
def config(oadb_database_url: str) -> Config:
    return Config.from_env({"DATABASE_URL": oadb_database_url, "DB_POOL_SIZE": "1"})


OADB = [find("oadb")]


def findings(config: Config) -> dict[str, Finding]:
    return {finding.subject: finding for finding in health.examine(config, OADB)}


def test_a_healthy_database_has_nothing_wrong(config: Config) -> None:
    found = findings(config)

    assert [str(finding) for finding in found.values() if not finding.ok] == []
    assert found["migrations"].text.startswith("all ")
    assert found["statement_timeout"].text == "15 s"


def test_a_pool_larger_than_the_server_allows_is_wrong(config: Config) -> None:
    found = findings(replace(config, max_overflow=900))["pool"]

    assert not found.ok
    assert found.text.startswith("needs up to 901 of the server's ")
    assert "lower DB_POOL_SIZE or DB_MAX_OVERFLOW" in found.text


def test_a_limit_that_is_off_is_wrong(config: Config) -> None:
    found = findings(replace(config, statement_timeout_seconds=0.0))["statement_timeout"]

    assert str(found) == (
        "FAIL statement_timeout: no limit; set it on the role: alter role ... set statement_timeout"
    )


def test_a_database_without_migrations_is_wrong(oadb_empty_url: str) -> None:
    found = findings(Config.from_env({"DATABASE_URL": oadb_empty_url}))["migrations"]

    assert not found.ok
    assert found.text.endswith("pending; run oadb migrate")


def test_a_table_that_is_gone_is_wrong_although_all_migrations_are_applied(
    config: Config, oadb_database_url: str
) -> None:
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute("alter table oadb.log_tables rename to forgotten")

    found = findings(config)

    assert found["migrations"].ok
    assert not found["maintain"].ok
    assert "run oadb migrate" in found["maintain"].text


def test_a_clock_that_is_off_is_wrong(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "USUAL", replace(USUAL, clock_skew=timedelta(microseconds=-1)))

    found = findings(config)["clock"]

    assert not found.ok
    assert found.text.endswith("synchronise both hosts with NTP")


def test_an_edited_migration_is_wrong(config: Config, oadb_database_url: str) -> None:
    with psycopg.connect(oadb_database_url) as connection:
        connection.execute(
            "update oadb.applied_migrations set checksum = sha256('other') "
            "where migration_id = '0002_create_users'"
        )

    assert findings(config)["migrations"].text == (
        "0002_create_users edited; oadb migrate runs nothing and says what to do"
    )


def test_no_connection_is_the_only_finding() -> None:
    found = list(
        health.examine(Config.from_env({"DATABASE_URL": "postgresql://127.0.0.1:1/x"}), OADB)
    )

    assert [(finding.ok, finding.subject) for finding in found] == [(False, "connection")]
    assert "\n" not in found[0].text


# Roles and row security -------------------------------------------------------------------------

SECURE = "as the owner: call oadb.secure_user_tables();"
CREATE_ROLES = (
    "as a role that may make roles: call oadb.create_roles(); call oadb.grant_privileges();"
)


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    """Give a server of its own, as roles belong to a server; its role alone cannot create any."""
    with controlled() as control:
        with psycopg.connect(control.url) as connection:
            connection.execute("create role alone login")
        yield control.server


@pytest.fixture(scope="module")
def single(server: Server) -> Generator[str]:
    with database(server, "single", "alone") as url:
        yield url


@pytest.fixture(scope="module")
def separate(server: Server, single: str) -> Generator[str]:
    """Give the URL, for a superuser, of a database with all roles; *single* is made before them."""
    assert single
    with database(server, "separate", "postgres") as url:
        with psycopg.connect(url) as connection:
            connection.execute("create role service login in role oadb_app")
            connection.execute("create role one_user login in role oadb_user")
            connection.execute("create role reader login in role oadb_ro")
            connection.execute("create role auditor login in role oadb_log")
        yield url


def finding_on(url: str, subject: str, *statements: str) -> str:
    """Return the doctor's finding between two *statements*; the second one undoes the first."""
    config = Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})
    if not statements:
        return str(findings(config)[subject])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements[0].encode())
        try:
            return str(findings(config)[subject])
        finally:
            connection.execute(statements[1].encode())


def test_one_role_for_everything_is_bound_by_row_security(single: str) -> None:
    assert finding_on(single, "roles") == (
        "ok   roles: one for everything: row-level security alone binds alone"
    )
    assert finding_on(single, "row security").startswith("ok   row security: forced on all ")


def test_a_superuser_that_row_security_does_not_bind_is_wrong(server: Server, single: str) -> None:
    assert single
    assert finding_on(server.url("single"), "roles") == (
        "FAIL roles: row-level security does not bind postgres, so db.as_user is refused; "
        f"connect as a role without superuser and bypassrls, or {CREATE_ROLES}"
    )


@pytest.mark.parametrize(
    ("role", "text"),
    [
        (
            "postgres",
            "only db.as_user binds postgres: connect services as a member of oadb_app",
        ),
        ("service", "postgres owns the tables, service uses them"),
    ],
)
def test_separate_roles_are_reported_with_the_use_of_the_current_one(
    server: Server, separate: str, role: str, text: str
) -> None:
    assert separate
    url = login(server, role, "separate")

    assert finding_on(url, "roles") == f"ok   roles: separate; {text}"
    assert finding_on(url, "row security").startswith("ok   row security: forced on all ")


@pytest.mark.long("migrates on a server of its own")
def test_a_connection_as_the_owner_is_advised_to_use_another_role(
    server: Server, separate: str
) -> None:
    assert separate
    with database(server, "owned", "alone") as url:
        with psycopg.connect(server.url("owned")) as connection:
            connection.execute("call oadb.grant_privileges()")

        with psycopg.connect(server.url("owned")) as connection:
            connection.execute("grant oadb_user to alone")
        try:
            assert finding_on(url, "roles") == (
                "ok   roles: separate; alone owns the tables: connect services as a member of "
                "oadb_app"
            )
        finally:
            with psycopg.connect(server.url("owned")) as connection:
                connection.execute("revoke oadb_user from alone")


def test_a_missing_role_is_wrong(separate: str) -> None:
    found = finding_on(
        separate,
        "roles",
        "alter role oadb_log rename to elsewhere",
        "alter role elsewhere rename to oadb_log",
    )

    assert found == f"FAIL roles: oadb_log missing; {CREATE_ROLES}"


@pytest.mark.parametrize("switch", ["disable row level security", "no force row level security"])
def test_row_security_that_is_off_is_wrong(separate: str, switch: str) -> None:
    undo = "enable row level security, force row level security"
    found = finding_on(
        separate,
        "row security",
        f"alter table oadb.sessions {switch}",
        f"alter table oadb.sessions {undo}",
    )

    assert found == f"FAIL row security: not forced on oadb.sessions: {SECURE}"


def test_a_later_table_of_users_without_row_security_is_wrong(separate: str) -> None:
    create = "create table oadb.later (user_id bigint)"

    assert finding_on(separate, "row security", create, "drop table oadb.later") == (
        "FAIL row security: oadb.later has a column user_id and is not in oadb.user_tables: "
        "insert it there, then call oadb.renew_privileges();"
    )


def test_row_security_without_a_policy_for_users_is_wrong(separate: str) -> None:
    rename = "alter policy {} on oadb.sessions rename to {}"
    found = finding_on(
        separate,
        "row security",
        rename.format("user_policy", "other"),
        rename.format("other", "user_policy"),
    )

    assert found == (
        f"FAIL row security: no policy user_policy on oadb.sessions: {SECURE} other on "
        f"oadb.sessions shows users rows of others: drop the policy, and {SECURE}"
    )


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("", "ok   search path: empty"),
        ("oadb", "ok   search path: oadb, in which its owner alone creates"),
        (
            "open, oadb",
            "FAIL search path: oadb_app and public may create in open, and so have these",
        ),
    ],
)
def test_a_search_path_in_which_others_create_is_wrong(
    separate: str, path: str, found: str
) -> None:
    with psycopg.connect(separate) as connection:
        connection.execute("create schema if not exists open")
        connection.execute("grant create, usage on schema open to oadb_app, public")
    mark = "&" if "?" in separate else "?"
    url = f"{separate}{mark}options={quote(f'-csearch_path={path}'.replace(' ', ''))}"
    assert finding_on(url, "search path").startswith(found)


@pytest.mark.parametrize(
    ("role", "wrong"),
    [
        ("service", set[str]()),
        ("reader", {"keys"}),
        ("auditor", {*EVERY_SUBJECT[EVERY_SUBJECT.index("row security") :]}),
    ],
)
def test_a_check_that_a_role_may_not_run_is_a_finding_and_the_other_checks_run(
    server: Server, separate: str, role: str, wrong: set[str]
) -> None:
    assert separate
    config = Config.from_env({"DATABASE_URL": login(server, role, "separate")})
    found = [*health.examine(config, OADB)]

    assert [finding.subject for finding in found] == EVERY_SUBJECT
    assert {finding.subject for finding in found if not finding.ok} == wrong
    for finding in found:
        assert "\n" not in finding.text
        assert finding.ok or "connect as " in finding.text or "hint: " in finding.text


def test_a_connection_that_sees_no_row_is_wrong(server: Server, separate: str) -> None:
    with psycopg.connect(separate) as connection:
        connection.execute("grant select on oadb.user_tables, oadb.wanted_policies to one_user")
    found = finding_on(login(server, "one_user", "separate"), "row security")

    assert found.startswith("FAIL row security: without db.as_user, one_user sees no row of ")
    assert found.endswith(
        "connect as a member of oadb_app, or as the owner: call oadb.grant_privileges();"
    )


# Keys -------------------------------------------------------------------------------------------


@pytest.fixture
def ring() -> KeyRing:
    return KeyRing([Key(1, "primary", datetime.now(UTC), secrets.token_bytes(32))])


def test_a_database_that_holds_no_secret_needs_no_key_ring(config: Config, ring: KeyRing) -> None:
    assert str(findings(config)["keys"]) == "ok   keys: no key ring; none needed yet"
    unused = findings(replace(config, keyring=ring))["keys"]
    assert str(unused) == "ok   keys: none in use; the first secret enrolls key 1"


def test_a_key_ring_that_fits_is_reported_with_its_keys(config: Config, ring: KeyRing) -> None:
    fitting = replace(config, keyring=ring)
    with Database(fitting) as db:
        proof.prove(db)

    assert str(findings(fitting)["keys"]) == "ok   keys: 1 in use, all in the ring; 1 is primary"


def test_a_missing_key_ring_or_one_with_another_key_is_wrong(config: Config, ring: KeyRing) -> None:
    with Database(replace(config, keyring=ring)) as db:
        proof.prove(db)
    other = KeyRing([replace(ring.primary, root=secrets.token_bytes(32))])

    missing, wrong = (findings(replace(config, keyring=each))["keys"] for each in (None, other))
    assert str(missing) == (
        "FAIL keys: no key ring, but secrets are sealed under key 1; set OADB_KEYRING_FILE"
    )
    assert not wrong.ok
    assert "is not the key 1 that the database is sealed with" in wrong.text
    assert other.primary.fingerprint in wrong.text


def test_the_doctor_enrolls_nothing(config: Config, ring: KeyRing) -> None:
    findings(replace(config, keyring=ring))
    with Database(config) as db:
        assert proof.list_canaries(db) == []
