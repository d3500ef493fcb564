"""Whether the code of the base and of now go with both schemas, as ``oadb compat`` says it."""

from collections.abc import Sequence

from oadb.embedded import embedded_server
from oadb.engine.binding.packages import Package
from oadb.engine.dsn import Dsn
from oadb.errors import DeclarationError
from oadb.tools.compat import verdict
from oadb.tools.compat.base_release import BaseRelease
from oadb.tools.review.migration_model import ReleaseDisagreement


def compare(base: BaseRelease, packages: Sequence[Package]) -> list[ReleaseDisagreement]:
    """Return what does not go together, on a temporary server.

    A base whose code cannot be asked is told as such: it is not known then, and refused.

    Raises:
        MigrationError: files of today are invalid, or a migration failed.
        UnavailableError: the server does not start.
    """
    if not base.roots:
        return []
    try:
        with embedded_server.temporary() as server:
            found = verdict.compare(Dsn(server.keywords), base, packages)
    except DeclarationError as error:
        return [ReleaseDisagreement("", f"not compared: {error}", is_refused=True)]
    return [ReleaseDisagreement(each.migration, str(each), each.is_refused) for each in found]
