"""Whether a database has the extension Citus; what reads its catalog asks here first."""

from oadb.engine.binding.queries import queries

query = queries(__name__)


@query
def find_citus_version() -> str | None: ...


query.complete()
