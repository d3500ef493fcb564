"""A service whose module opens its Database when it is imported, and its children.

python -c "from tests.faults import module_level; module_level.main('spawn')"
"""

import multiprocessing
import os
import pickle

from oadb.engine.database import Database
from tests.support import pool_probes as probes
from tests.support.rig import config

URL = "OADB_MODULE_LEVEL_URL"

db = Database(config(os.environ[URL], pool_size=1, max_overflow=1))
db.open()


def call(number: int) -> int:
    """Write in a child; return the session that did."""
    with db.transaction() as tx:
        probes.put(tx, number, "child")
        return probes.backend(tx)


def main(method: str) -> None:
    """Call from the children of a pool, which are started by *method*."""
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload(["tests.faults.module_level"])
    own = probes.backend(db)
    with context.Pool(3) as pool:
        sessions = pool.map(call, range(30), chunksize=1)
        pool.close()
        pool.join()
    assert own not in sessions
    assert probes.backend(db) == own
    assert probes.count_all(db) == 30
    assert db.stats().leased == 0
    try:
        pickle.dumps(db)
    except TypeError as error:
        print(error)
