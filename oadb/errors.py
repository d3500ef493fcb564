"""Errors of oadb itself; what PostgreSQL refuses stays a psycopg error, scrubbed of row data.

Error                     base of all of them; never raised itself
├── ConfigError           an environment variable is missing or impossible
├── KeyRingError          a key ring is unfit, or does not fit the database
├── SealError             a sealed value cannot be opened
├── DeclarationError      SQL files and declarations disagree; raised at import
├── ParameterError        a value that a parameter cannot take; nothing was sent
├── NoRowError            a query that promises a row found none
├── TooManyRowsError      a query that promises one row found more
├── TransactionError      a transaction that cannot go on, or must not be around a call
├── UnavailableError      the database did not answer; nothing was changed
│   └── PoolTimeoutError  every connection was in use for too long
├── OutcomeUnknownError   a write was sent and its answer was lost
├── BusyError             a bounded resource of this process is in full use
├── SettingError          what is stored for a setting does not fit its key any more
├── RowError              one row of a source cannot be taken; caught, and reported with the row
├── LoadError             a source cannot be loaded, or not to its end
└── MigrationError        migration files, or they and the database, disagree
"""


class Error(Exception):
    """Base of every error of oadb. Never raised itself."""


class ConfigError(Error):
    """An environment variable is missing or has an impossible value; the text names it."""


class KeyRingError(Error):
    """A key ring is unfit, or the database was sealed with other keys; the text names the key."""


class SealError(Error):
    """A sealed value cannot be opened: altered, moved, or under a key that is not in the ring."""


class DeclarationError(Error):
    """SQL files and declarations disagree; the text lists every problem with file and line."""


class ParameterError(Error):
    """A value that a parameter cannot take; the text names the parameter, never the value."""


class NoRowError(Error):
    """A query that promises one row found none."""


class TooManyRowsError(Error):
    """A query that promises at most one row found more."""


class TransactionError(Error):
    """A transaction cannot go on: rolled back in silence, ended, or around what must stay done."""


class UnavailableError(Error):
    """The database did not answer. Nothing was changed; the call may be made again."""


class PoolTimeoutError(UnavailableError):
    """No connection became free in time, or too many callers are waiting for one."""


class OutcomeUnknownError(Error):
    """A write was sent and the connection was lost before its answer: it may have happened."""


class BusyError(Error):
    """A bounded resource of this process, such as password hashing, is in full use."""


class SettingError(Error):
    """What is stored for a setting does not fit its key any more; the text names the key."""


class RowError(Error):
    """One row of a source cannot be taken; the text says what was expected.

    It does not leave oadb: readers and imports go on with the next row and report this one.
    """


class LoadError(Error):
    """A file or a set of rows cannot be loaded, or not to its end; the text says where.

    A load of instruments has written nothing. An import keeps what it has stored, and goes on from
    there when it is run again.
    """


class MigrationError(Error):
    """Migration files are unsafe, or they and the database disagree; nothing was run."""
