"""The check of tables that are far larger than their rows."""

from collections.abc import Iterator
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools.activity import bloat
from oadb.tools.activity.alert_limits import AlertLimits
from oadb.tools.activity.bloat import StoredSize
from oadb.tools.findings import Check, Finding, judged

query = queries(__name__)


@query
def _list_table_sizes(schemas: list[str], least: int) -> list[StoredSize]: ...


query.complete()


def checks(db: Runner, schemas: list[str], limits: AlertLimits) -> dict[str, Check]:
    """Return the check by its subject; *schemas* are those whose tables are meant."""
    return {"bloated tables": partial(check_bloat, db, schemas, limits)}


def check_bloat(db: Runner, schemas: list[str], limits: AlertLimits) -> Iterator[Finding]:
    """Check that no table is mostly empty, by an estimate that reads none."""
    found = _list_table_sizes(db, schemas, limits.table_waste)
    faults = [
        f"{each}; new rows use that; to give it back: {each.mending}, for which everybody waits, "
        "or pg_repack"
        for each in bloat.wasteful(found, limits.table_waste, limits.table_bloat)
    ]
    yield from judged("bloated tables", faults, bloat.summary(found, "tables", limits.table_waste))
