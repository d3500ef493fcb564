"""A primary that becomes a standby, as behind a name or a proxy after a failover."""

from collections.abc import Generator

import pytest

from oadb.errors import UnavailableError
from oadb.testing.control import ServerControl
from tests.support import pool_probes as probes
from tests.support.rig import Connect, Db, Observer, eventually

pytestmark = pytest.mark.fault


@pytest.fixture
def demoted(victim: ServerControl, url: str) -> Generator[ServerControl]:
    """Give the server, which is promoted again at the end if it was demoted."""
    assert url
    yield victim
    observer = Observer(victim.url)
    if observer.ask("select pg_is_in_recovery()"):
        observer.ask("select pg_promote()")
        eventually(lambda: not observer.ask("select pg_is_in_recovery()"))


@pytest.mark.holds("F39", "F40")
def test_a_service_that_only_reads_does_not_read_from_a_primary_that_became_a_standby(
    connect: Connect, demoted: ServerControl
) -> None:
    db = connect(pool_size=2, max_overflow=0)
    probes.put(db, 1, "before")
    demoted.demote()

    with pytest.raises(UnavailableError, match="is a standby, and was a primary before"):
        probes.one(db)

    Observer(demoted.url).ask("select pg_promote()")
    eventually(lambda: _reads(db))
    assert probes.put(db, 2, "after") == 1


def _reads(db: Db) -> bool:
    try:
        return probes.one(db) == 1
    except UnavailableError:
        return False


@pytest.mark.holds("F39")
def test_a_service_whose_url_takes_any_server_reads_on(
    connect: Connect, demoted: ServerControl
) -> None:
    db = connect(f"{demoted.url}&target_session_attrs=any", pool_size=2, max_overflow=0)
    probes.put(db, 1, "before")
    demoted.demote()

    assert probes.one(db) == 1


def test_a_service_that_began_on_a_standby_reads_there(
    connect: Connect, demoted: ServerControl
) -> None:
    demoted.demote()
    assert probes.one(connect(pool_size=2, max_overflow=0)) == 1
