"""What the doctor says of the servers that reads run on."""

from oadb import Database
from oadb.engine import dsn
from oadb.tools import replica_findings
from tests.support.rig import config

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def test_each_server_that_reads_run_on_is_a_finding(url: str) -> None:
    hosts = (*dsn.parse_hosts(url), *dsn.parse_hosts(NOWHERE))
    with Database(config(url, read_hosts=hosts)) as db:
        first, second = replica_findings.check(db)

    assert (first.ok, second.ok) == (True, False)
    assert first.text.endswith("is the primary itself, and takes reads")
    assert second.text.startswith("127.0.0.1:1 takes no reads: cannot connect")
    assert second.text.endswith("or take it out of DATABASE_URL_READ")


def test_without_such_servers_nothing_is_said(url: str) -> None:
    with Database(config(url)) as db:
        assert [*replica_findings.check(db)] == []
