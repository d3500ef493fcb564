"""The check of the settings on which the texts of values depend, through PgBouncer.

Connections to the server itself set them; those to PgBouncer cannot.
"""

from collections.abc import Iterator

from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.engine.dsn import SESSION_FORMS
from oadb.tools import catalog
from oadb.tools.findings import Finding


def check(db: Database, config: Config) -> Iterator[Finding]:
    """Yield a finding if DB_POOLER is pgbouncer: of a session behind it, as others have it too."""
    if config.pooler == "none":
        return
    # A DateStyle also says in which order the parts of an ambiguous date are read.
    wrong = [
        f"{each.name} is {each.setting}: alter role ... set {each.name} = '{wanted}'"
        for each in catalog.list_settings(db, [*SESSION_FORMS])
        if each.setting.partition(",")[0] != (wanted := SESSION_FORMS[each.name])
    ]
    fits = "as oadb reads and writes them"
    yield Finding(not wrong, "texts of values", "; ".join(wrong) or fits)
