"""A replica lags behind: which services read from it, and what they see."""

from collections.abc import Generator
from urllib.parse import quote

import pytest

from oadb.testing.control import ServerControl
from tests.support import pool_probes as probes
from tests.support.replication import lagging, standby_of
from tests.support.rig import Connect, Observer, eventually

pytestmark = pytest.mark.fault


@pytest.fixture(scope="module")
def replica(victim: ServerControl) -> Generator[ServerControl]:
    victim.start()
    with standby_of(victim) as standby:
        yield standby


@pytest.fixture
def both(url: str, replica: ServerControl, victim: ServerControl) -> str:
    """Give a DATABASE_URL that names the replica first, as a service near it would."""
    assert url
    caught_up = "select pg_last_wal_replay_lsn() >= %s::pg_lsn"
    written = Observer(victim.url).ask("select pg_current_wal_lsn()::text")
    eventually(lambda: Observer(replica.url).ask(caught_up, written), 30)
    hosts = ",".join(each.server.keywords["host"] for each in (replica, victim))
    ports = ",".join(each.server.keywords["port"] for each in (replica, victim))
    return f"postgresql://postgres@/postgres?host={quote(hosts)}&port={ports}"


@pytest.mark.holds("F52")
def test_a_service_reads_what_it_wrote_although_a_replica_lags(
    connect: Connect, both: str, replica: ServerControl
) -> None:
    db = connect(both, pool_size=2, max_overflow=0)
    with lagging(replica):
        for number in range(20):
            probes.put(db, number, "row")
            assert probes.get(db, number) == probes.Probe(number, "row", 0)
        assert db.transact(probes.count_all) == 20


@pytest.mark.holds("F52")
@pytest.mark.parametrize("takes", ["any", "prefer-standby", "standby"])
def test_a_service_whose_url_takes_a_replica_may_read_what_was_true_before(
    connect: Connect, both: str, url: str, replica: ServerControl, takes: str
) -> None:
    writer = connect(url, pool_size=1)
    reader = connect(f"{both}&target_session_attrs={takes}", pool_size=1, max_overflow=0)
    probes.put(writer, 1, "before")
    eventually(lambda: probes.notes(reader) == ["before"])
    with lagging(replica):
        probes.put(writer, 2, "after")
        assert probes.notes(reader) == ["before"]
    eventually(lambda: probes.notes(reader) == ["before", "after"])
