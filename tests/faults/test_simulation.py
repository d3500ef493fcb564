"""Random orders of calls and faults; simulation.py runs as long as one likes."""

import pytest

from oadb.engine import dsn
from tests.faults.proxy import Proxy
from tests.faults.simulation import MODES, Stage, simulate
from tests.support.rig import Observer

pytestmark = pytest.mark.fault


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.holds("F6", "F9", "F11", "F12", "F13", "F45")
def test_callers_and_faults_in_a_random_order_leave_the_pool_whole(mode: str, url: str) -> None:
    with Proxy(dsn.parse(url).keywords) as proxy:
        simulate(Stage(proxy, Observer(url)), mode, number=1, examples=6)
