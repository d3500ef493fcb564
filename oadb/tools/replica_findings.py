"""What ``oadb doctor`` says of the servers that reads run on: DATABASE_URL_READ."""

from collections.abc import Iterator

from oadb.engine.database import Database
from oadb.engine.reads.read_stats import ReplicaStats
from oadb.tools import catalog
from oadb.tools.findings import Finding


def check(db: Database) -> Iterator[Finding]:
    """Check that each server that reads run on answers, and is not far behind the primary."""
    if db.read_stats().replicas:
        catalog.describe_server(db.reads())  # the first read asks all of them
        yield from map(_finding_of, db.read_stats().replicas)


def _finding_of(replica: ReplicaStats) -> Finding:
    subject, host = "replicas", replica.host
    if replica.out:
        advice = "reads go to other servers; look at it, or take it out of DATABASE_URL_READ"
        return Finding(False, subject, f"{host} takes no reads: {replica.out}; {advice}")
    if not replica.is_standby:
        return Finding(True, subject, f"{host} is the primary itself, and takes reads")
    return Finding(True, subject, f"{host} is a standby, {replica.lag_seconds:.1f} s behind")
