"""What no schema shows and what breaks a service: each is planted, found, and undone."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from oadb.engine.single_connection import SingleConnection
from oadb.tools import upkeep_findings
from oadb.tools.activity.alert_limits import USUAL
from oadb.tools.findings import Finding


class Observed:
    """A migrated database, whose changes are undone after each test."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self.connection = connection
        self.session = SingleConnection(connection)

    @property
    def name(self) -> str:
        return self.connection.info.dbname

    def run(self, statements: str) -> None:
        for statement in statements.split("; "):
            self.connection.execute(statement.encode())


@pytest.fixture(scope="module")
def observed(url: str) -> Iterator[Observed]:
    with psycopg.connect(url, autocommit=True) as connection:
        yield Observed(connection)


@pytest.fixture(autouse=True)
def _undone(observed: Observed) -> Iterator[None]:
    with observed.connection.transaction(force_rollback=True):
        yield


def wrong(found: Iterable[Finding]) -> list[str]:
    return [each.text for each in found if not each.ok]


def settings(observed: Observed) -> list[str]:
    return wrong(upkeep_findings.check_settings(observed.session, ["oadb"]))


def test_a_migrated_database_has_nothing_wrong(observed: Observed) -> None:
    for check in upkeep_findings.checks(observed.session, ["oadb"], USUAL).values():
        [found] = check()
        assert found.ok, str(found)


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("default_transaction_read_only", "on"),
        ("enable_indexscan", "off"),
        ("enable_hashjoin", "false"),
        ("session_replication_role", "replica"),
    ],
)
def test_a_setting_of_the_database_that_breaks_services_is_wrong(
    observed: Observed, setting: str, value: str
) -> None:
    observed.run(f"alter database {observed.name} set {setting} = {value}")

    assert settings(observed) == [
        f"{setting} is {value}; alter database {observed.name} reset {setting}"
    ]


@pytest.mark.parametrize("inside", ["", "in database"])
def test_a_setting_of_a_role_that_writes_is_wrong(observed: Observed, inside: str) -> None:
    where = f"{inside} {observed.name} " if inside else ""
    observed.run("create role trader login in role oadb_app")
    observed.run(f"alter role trader {where}set default_transaction_read_only = on")

    assert settings(observed) == [
        (
            "default_transaction_read_only is on; "
            f"alter role trader {where}reset default_transaction_read_only"
        )
    ]


def test_a_role_that_only_reads_may_refuse_writes(observed: Observed) -> None:
    observed.run("create role reporter login in role oadb_ro")
    observed.run("alter role reporter set default_transaction_read_only = on")

    assert settings(observed) == []


def test_a_setting_that_is_as_postgresql_begins_is_not_wrong(observed: Observed) -> None:
    observed.run(f"alter database {observed.name} set enable_seqscan = on")
    observed.run(f"alter database {observed.name} set work_mem = '64MB'")

    assert settings(observed) == []


def test_a_sequence_near_its_end_is_wrong(observed: Observed) -> None:
    observed.run(
        "alter table oadb.log_drops alter drop_id restart with 8000000000000000000; "
        "select nextval('oadb.log_drops_drop_id_seq')"
    )

    assert wrong(upkeep_findings.check_sequences(observed.session, ["oadb"], USUAL)) == [
        (
            "oadb.log_drops_drop_id_seq has used 87% of its numbers, and inserts fail after the "
            "last: make its column bigint, or restart it"
        )
    ]


def test_a_table_with_rows_that_was_never_analyzed_is_wrong(observed: Observed) -> None:
    observed.run(
        "create table oadb.restored as select number, repeat('x', 200) as filler "
        "from generate_series(1, 5000) as number"
    )

    assert wrong(upkeep_findings.check_statistics(observed.session, ["oadb"])) == [
        (
            "oadb.restored has rows and was never analyzed, so that its plans are guesses; "
            "analyze oadb.restored"
        )
    ]


def test_a_transaction_that_was_left_open_is_wrong(observed: Observed, url: str) -> None:
    limits = replace(USUAL, idle_transaction=timedelta())
    with psycopg.connect(url, application_name="a console") as left_open:
        left_open.execute("select 1")
        pid = left_open.info.backend_pid
        [text] = wrong(upkeep_findings.check_transactions(observed.session, limits))

    assert text.startswith(f"server process {pid} (a console) is idle in a transaction since ")
    assert text.endswith(f"; select pg_terminate_backend({pid})")
