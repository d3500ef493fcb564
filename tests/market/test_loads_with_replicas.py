"""A first load, which drops and makes indexes, beside readers of a standby."""

from collections.abc import Iterator

import pytest

from oadb import Config, Database
from oadb.errors import MisplacedError
from oadb.market import instruments, loads, search
from oadb.market.instruments import Instrument
from tests.support.instrument_rows import INFY, TCS
from tests.support.prepared_servers import MIGRATED, Prepared
from tests.support.replication import standby_of

pytestmark = pytest.mark.fault


@pytest.fixture
def db(prepared: Prepared) -> Iterator[Database]:
    with prepared(*MIGRATED) as primary, standby_of(primary) as standby:
        environ = {"DATABASE_URL": primary.url, "DATABASE_URL_READ": standby.url}
        with Database(Config.from_env({**environ, "DB_READ_WAIT": "5"})) as db:
            yield db


def test_a_standby_shows_a_first_load_whole_and_does_not_hold_it_up(db: Database) -> None:
    def looked() -> tuple[Instrument | None, list[Instrument]]:
        with db.reads().batch() as batch:
            one = instruments.get(batch, "zerodha", "NSE", "TCS")
            found = search.search(batch, "zerodha", "INFOSYS")
        return one.result, [*found.result]

    with db.reads().transaction(isolation="repeatable read") as tx:
        assert instruments.count_by_broker(tx, "zerodha") == 0
        loads.load(db.outside(), "zerodha", iter([INFY, TCS]))
        assert instruments.count_by_broker(tx, "zerodha") == 0
    assert looked() == (TCS, [INFY])
    assert db.read_stats().replicas[0].reads
    assert db.read_stats().primary_reads == 0

    with pytest.raises(MisplacedError, match=r"^loads\.load runs loads\._start_load: it writes"):
        loads.load(db.reads(), "zerodha", iter([INFY]))
