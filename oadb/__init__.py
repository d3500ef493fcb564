"""The data layer of a trading platform on PostgreSQL: raw SQL bound to typed functions.

    from oadb import Database
    from oadb.accounts import users

    with Database.from_env() as db:
        user = users.find_by_email(db, "asha@example.in")

A function's ``db`` is a Database, a Transaction of it, or what ``as_user`` returns. With the Async
classes the same functions are awaited, or iterated over with ``async for``.
"""

from importlib import import_module

from oadb import runtimes

runtimes.refuse_others()

__version__ = "0.1.0"  # the package takes it from here

TYPE_CHECKING = False  # as in typing, whose import takes as long as the start of the interpreter
if TYPE_CHECKING:
    from oadb.engine.batches import AsyncBatch, Batch, Pending
    from oadb.engine.binding.forms import COMPOSITE, Codec
    from oadb.engine.binding.operations import operation
    from oadb.engine.binding.pages import Limit, Page
    from oadb.engine.binding.queries import queries
    from oadb.engine.binding.results import Affected
    from oadb.engine.binding.values import UNSET, Unset
    from oadb.engine.blocking import Transaction
    from oadb.engine.config import Config
    from oadb.engine.database import AsyncDatabase, Database
    from oadb.engine.executors import AsyncExecutor, Executor
    from oadb.engine.listener import AsyncListener, Listener, Listening, Notification
    from oadb.engine.pool.commits import CommitPoint
    from oadb.engine.reads.blocking_reads import Reads
    from oadb.engine.reads.read_executors import AsyncReads
    from oadb.engine.transactions import AsyncTransaction
    from oadb.security.refusals import Refusal
    from oadb.security.secret import Secret

_HOMES = {
    "Affected": "engine.binding.results",
    "AsyncBatch": "engine.batches",
    "AsyncDatabase": "engine.database",
    "AsyncExecutor": "engine.executors",
    "AsyncListener": "engine.listener",
    "AsyncReads": "engine.reads.read_executors",
    "AsyncTransaction": "engine.transactions",
    "Batch": "engine.batches",
    "COMPOSITE": "engine.binding.forms",
    "Codec": "engine.binding.forms",
    "CommitPoint": "engine.pool.commits",
    "Config": "engine.config",
    "Database": "engine.database",
    "Executor": "engine.executors",
    "Limit": "engine.binding.pages",
    "Listener": "engine.listener",
    "Listening": "engine.listener",
    "Notification": "engine.listener",
    "Page": "engine.binding.pages",
    "Pending": "engine.batches",
    "Reads": "engine.reads.blocking_reads",
    "Refusal": "security.refusals",
    "Secret": "security.secret",
    "Transaction": "engine.blocking",
    "UNSET": "engine.binding.values",
    "Unset": "engine.binding.values",
    "operation": "engine.binding.operations",
    "queries": "engine.binding.queries",
}

__all__ = [
    "COMPOSITE",
    "UNSET",
    "Affected",
    "AsyncBatch",
    "AsyncDatabase",
    "AsyncExecutor",
    "AsyncListener",
    "AsyncReads",
    "AsyncTransaction",
    "Batch",
    "Codec",
    "CommitPoint",
    "Config",
    "Database",
    "Executor",
    "Limit",
    "Listener",
    "Listening",
    "Notification",
    "Page",
    "Pending",
    "Reads",
    "Refusal",
    "Secret",
    "Transaction",
    "Unset",
    "operation",
    "queries",
]


def __getattr__(name: str) -> object:
    """Import a name at its first use, because importing psycopg takes longer than all of oadb."""
    if name not in _HOMES:
        raise AttributeError(f"module 'oadb' has no attribute {name!r}")
    try:
        return getattr(import_module(f"oadb.{_HOMES[name]}"), name)
    except AttributeError as error:
        # Python would take it for a name that is not there, and hide what is wrong.
        raise ImportError(f"oadb.{_HOMES[name]} cannot be imported: {error}") from error


def __dir__() -> list[str]:
    """Return the public names, also those that were not used yet."""
    return sorted({*globals(), *__all__})
