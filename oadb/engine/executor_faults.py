"""First arguments that are no executor: what was given instead, and what to do."""

from collections.abc import Mapping

import psycopg

from oadb.engine.config import Config

_ADVICE: Mapping[type, str] = {
    Config: "; open it: Database(config)",
    str: "; a URL is opened by Database.from_url()",
    psycopg.Connection: "; pass the Database or the transaction, which have connections",
    psycopg.AsyncConnection: "; pass the Database or the transaction, which have connections",
    type: "; open it: Database.from_env()",
}


def not_an_executor(label: str, given: object) -> TypeError:
    """Return the error for a first argument that runs nothing; it names function and class.

    The value is not shown: a URL may have a password.
    """
    what = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
    advice = next((each for kind, each in _ADVICE.items() if isinstance(given, kind)), "")
    return TypeError(
        f"{label}(): the first argument is a Database, a transaction or a batch, not {what}{advice}"
    )
