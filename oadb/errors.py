"""Errors of oadb itself. Errors of PostgreSQL stay psycopg errors, without row data.

Error                     base of all of them; never raised itself
├── ConfigError           an environment variable is missing or invalid
├── KeyRingError          a key ring is invalid, or does not fit the database
├── SealError             a sealed value cannot be opened
├── DeclarationError      SQL files and declarations disagree; raised at import
├── ParameterError        an invalid argument; nothing was stored
├── ConflictError         a row conflicts with what is stored; nothing was stored
├── NoRowError            a query that promises a row found none
├── TooManyRowsError      a query that promises at most one row found more
├── MisplacedError        a write, or a read that stays on the primary, over db.reads()
├── TransactionError      a transaction cannot go on, or a call must not run in one
│   └── SecondConnectionError  a thread or task that holds a connection asks for another
├── UnavailableError      the database did not answer; nothing was changed
│   └── PoolTimeoutError  no connection became free in time
├── OutcomeUnknownError   a write was sent and its answer was lost
├── BusyError             a bounded resource of this process is fully in use
├── SettingError          the stored value of a setting no longer fits its key
├── ResultError           a row from the database does not fit its class
├── RowError              a row of a source is invalid; caught, and reported with the row
├── LoadError             a source cannot be loaded, or not completely
└── MigrationError        migration files are unsafe, or disagree with the database
"""

__all__ = [
    "BusyError", "ConfigError", "ConflictError", "DeclarationError", "Error", "KeyRingError",
    "LoadError", "MigrationError", "MisplacedError", "NoRowError", "OutcomeUnknownError",
    "ParameterError", "PoolTimeoutError", "ResultError", "RowError", "SealError",
    "SecondConnectionError", "SecondConnectionWarning", "SettingError", "TooManyRowsError",
    "TransactionError", "UnavailableError",
]  # fmt: skip  # a list


class Error(Exception):
    """Base of every error of oadb. Never raised itself."""


class ConfigError(Error):
    """An environment variable is missing or invalid; the text names it."""


class KeyRingError(Error):
    """A key ring is invalid, or the database was sealed with other keys; the text names the key."""


class SealError(Error):
    """A sealed value cannot be opened: it was altered or moved, or its key is not in the ring."""


class DeclarationError(Error):
    """SQL files and declarations disagree; the text lists every problem with file and line."""


class ParameterError(Error):
    """An argument is invalid; the text names the parameter, and never shows the value.

    If ``constraint`` is empty, nothing was sent. Else a check of the database refused a row, and
    the error is a psycopg.IntegrityError as well; a transaction can then only be rolled back.
    """

    field = ""
    """The parameter, or the field of a row; empty if it is not one alone."""

    limit = ""
    """What the field must be: ``1 to 80 characters``; empty if the text says it otherwise."""

    constraint = ""
    """The constraint of the database that refused the value; empty if nothing was sent."""


class ConflictError(Error):
    """A row conflicts with another one; the text names the field, and never shows the value.

    A key is taken, a row is referred to that does not exist, or one is to be deleted that others
    refer to. The error is a psycopg.IntegrityError as well; a transaction can then only be rolled
    back.
    """

    field = ""
    """The field of the row, as the caller knows it."""

    limit = ""
    """What the field must be: ``unique in any letter case``."""

    constraint = ""
    """The violated constraint, as it was declared; also if a shard of Citus has another name."""


class ResultError(Error):
    """A row does not fit its class; the text names query and field, and never shows the value.

    The statement has succeeded: in a transaction it can still be undone.
    """


class NoRowError(Error):
    """A query that promises one row found none."""


class TooManyRowsError(Error):
    """A query that promises at most one row found more."""


class MisplacedError(Error):
    """What must run on the primary was called over ``db.reads()``; nothing of it was sent."""


class TransactionError(Error):
    """A transaction cannot go on, or an operation that must not be rolled back runs in one."""


class SecondConnectionError(TransactionError):
    """A thread or task that holds a connection asks for another; see DB_SECOND_CONNECTION."""


class SecondConnectionWarning(RuntimeWarning):
    """A thread or task that holds a connection asks for another, and may wait for itself."""


class UnavailableError(Error):
    """The database did not answer. Nothing was changed, and the call can be repeated."""


class PoolTimeoutError(UnavailableError):
    """No connection became free in time, or too many callers are waiting for one.

    The latter *was_refused*: it did not wait.
    """

    was_refused = False


class OutcomeUnknownError(Error):
    """A write was sent, but the connection was lost before the answer: it may have happened."""


class BusyError(Error):
    """A bounded resource of this process, such as password hashing, is fully in use."""


class SettingError(Error):
    """The stored value of a setting no longer fits its key; the text names the key."""


class RowError(Error):
    """A row of a source is invalid; the text says what was expected.

    Callers never get it: readers and imports report the row and go on with the next one.
    """

    exchange = ""
    """The exchange of the row, as the platform names it; empty if it is not known."""


class LoadError(Error):
    """A file or a set of rows cannot be loaded, or not completely; the text says where.

    A load of instruments has then written nothing. An import keeps the rows that it has stored, and
    continues after them when it is run again.
    """


class MigrationError(Error):
    """Migration files are unsafe, or disagree with the database; nothing was run."""
