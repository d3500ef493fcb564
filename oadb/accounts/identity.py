"""Identity: the user whose rows a transaction sees.

``db.as_user(user_id)`` sends ``act_as`` in front of every statement; the entry point
``oadb.identity`` in pyproject.toml makes the engine do so.
"""

from oadb.engine.binding.queries import queries

query = queries(__name__)


@query
def act_as(user_id: int) -> None: ...


query.complete()
