"""Settings, read once from the environment into a frozen, validated Config."""

import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, Self, cast, get_args

from oadb.engine import dsn
from oadb.engine.dsn import Dsn
from oadb.engine.pool.holders import SecondConnection
from oadb.errors import ConfigError
from oadb.security import keyring_file
from oadb.security.keyring import KeyRing
from oadb.security.secret import Secret

Pooler = Literal["none", "pgbouncer", "pgbouncer-prepared"]

# Seconds that the answer of the server may take beyond its statement timeout.
MARGIN = 2.0


@dataclass(frozen=True, slots=True)
class Config:
    """How to reach the database, and the limits of its connections.

    The three timeouts of the server may be 0, for no limit. With an infinite
    ``pool_recycle_seconds`` no connection expires. ``pool_max_waiting`` callers may wait for a
    connection; 0 is no limit. ``call_deadline_seconds`` bounds how long a call waits for the
    server, whatever has become of it: by default 2 seconds more than the statement timeout; 0 is no
    limit.

    Reads may run on ``read_hosts``, replicas with a pool of ``read_pool_size`` connections each,
    and ``read_max_overflow`` more under load. A read waits ``read_wait_seconds`` for what it must
    see, and goes to the primary then, as it does while a replica is behind by more than
    ``read_max_lag_seconds``. ``is_replica`` is set in the configuration of the pool of one.

    A thread or task that holds a connection, of a transaction, and asks for a second one, is
    warned, refused or left alone (``second_connection``).

    Codes of second factors are accepted ``totp_window`` steps of 30 s before and after their time,
    0 to 2. ``breached`` says whether a new password is known to be; it is called in a thread, and
    if it raises, or returns no bool, no password is set. No variable sets it.
    """

    dsn: dsn.Dsn
    read_hosts: tuple[Dsn, ...] = ()
    read_pool_size: int = 5
    read_max_overflow: int = 10
    read_wait_seconds: float = 0.1
    read_max_lag_seconds: float = 10.0
    is_replica: bool = False
    pool_size: int = 5
    max_overflow: int = 10
    pool_timeout_seconds: float = 30.0
    pool_max_waiting: int = 0
    pool_recycle_seconds: float = 1800.0
    pool_pre_ping: bool = True
    statement_timeout_seconds: float = 15.0
    lock_timeout_seconds: float = 2.0
    idle_in_transaction_timeout_seconds: float = 10.0
    call_deadline_seconds: float | None = None
    second_connection: SecondConnection = "warn"
    pooler: Pooler = "none"
    keyring: KeyRing | None = None
    totp_window: int = 1
    breached: Callable[[Secret], bool] | None = None

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Self:
        """Read the environment, and the key ring if it names one.

        Args:
            environ: the variables to read; by default those of this process.

        Raises:
            ConfigError: a variable is missing or invalid; the text names it and what it may be.
            KeyRingError: the key ring cannot be read or is invalid.
        """
        env = _Environment(os.environ if environ is None else environ)
        del environ  # keeps its secrets out of tracebacks that show variables
        default = cls(dsn=env.dsn())
        size = env.integer("DB_POOL_SIZE", default.pool_size, least=1, most=1000)
        overflow = env.integer("DB_MAX_OVERFLOW", default.max_overflow, least=0, most=1000)
        return cls(
            dsn=default.dsn,
            read_hosts=env.read_hosts(),
            read_pool_size=env.integer("DB_READ_POOL_SIZE", size, least=1, most=1000),
            read_max_overflow=env.integer("DB_READ_MAX_OVERFLOW", overflow, least=0, most=1000),
            read_wait_seconds=env.seconds("DB_READ_WAIT", default.read_wait_seconds, most=60),
            read_max_lag_seconds=env.seconds(
                "DB_READ_MAX_LAG", default.read_max_lag_seconds, least=0.001
            ),
            pool_size=size,
            max_overflow=overflow,
            pool_timeout_seconds=env.seconds(
                "DB_POOL_TIMEOUT", default.pool_timeout_seconds, least=0.001
            ),
            pool_max_waiting=env.integer(
                "DB_POOL_MAX_WAITING", default.pool_max_waiting, least=0, most=1_000_000
            ),
            pool_recycle_seconds=env.recycle("DB_POOL_RECYCLE", default.pool_recycle_seconds),
            pool_pre_ping=env.boolean("DB_POOL_PRE_PING", default=default.pool_pre_ping),
            statement_timeout_seconds=env.seconds(
                "DB_STATEMENT_TIMEOUT", default.statement_timeout_seconds
            ),
            lock_timeout_seconds=env.seconds("DB_LOCK_TIMEOUT", default.lock_timeout_seconds),
            idle_in_transaction_timeout_seconds=env.seconds(
                "DB_IDLE_IN_TRANSACTION_TIMEOUT", default.idle_in_transaction_timeout_seconds
            ),
            call_deadline_seconds=env.optional_seconds("DB_CALL_DEADLINE"),
            second_connection=env.second_connection(
                "DB_SECOND_CONNECTION", default.second_connection
            ),
            pooler=env.pooler("DB_POOLER", default.pooler),
            keyring=keyring_file.from_env(env.values),
            totp_window=env.integer("OADB_TOTP_WINDOW", default.totp_window, least=0, most=2),
        )

    def of_replica(self, host: Dsn) -> Self:
        """Return the configuration of the pool of one of ``read_hosts``."""
        return replace(
            self,
            dsn=host,
            read_hosts=(),
            is_replica=True,
            pool_size=self.read_pool_size,
            max_overflow=self.read_max_overflow,
        )

    @property
    def pool_max(self) -> int:
        """The most connections that the pool opens: size plus overflow."""
        return self.pool_size + self.max_overflow

    @property
    def call_seconds(self) -> float:
        """How long a call waits for the server; infinite for no limit."""
        if self.call_deadline_seconds is not None:
            return self.call_deadline_seconds or math.inf
        return (
            self.statement_timeout_seconds + MARGIN if self.statement_timeout_seconds else math.inf
        )

    @property
    def is_pooled(self) -> bool:
        """Whether a session of the server lasts as long as a transaction, and is shared."""
        return self.pooler != "none"

    @property
    def _limits(self) -> dict[str, int]:
        """The settings of the server that hold the limits, in milliseconds."""
        return {
            # Rounded up, because 0 means no limit.
            "statement_timeout": math.ceil(self.statement_timeout_seconds * 1000),
            "lock_timeout": math.ceil(self.lock_timeout_seconds * 1000),
            "idle_in_transaction_session_timeout": math.ceil(
                self.idle_in_transaction_timeout_seconds * 1000
            ),
        }

    @property
    def _server_settings(self) -> dict[str, int | str] | None:
        """What the server enforces: the limits, and where it looks for names.

        None through PgBouncer, which refuses startup options: set those of the role instead.
        """
        if self.is_pooled:
            return None
        return {**self._limits, **dsn.SERVER_LIVENESS, **dsn.EMPTY_PATH}

    def connection_keywords(self) -> dict[str, str]:
        """Return libpq's keywords for a connection, including the password."""
        return dsn.connection_keywords(self.dsn, self._server_settings)


class _Environment:
    """Typed reads of the environment; each error names its variable."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.values = values

    def dsn(self) -> dsn.Dsn:
        url = self.values.get("DATABASE_URL", "").strip()
        if not url:
            raise ConfigError(
                "DATABASE_URL is not set: expected postgresql://user:password@host:port/database, "
                "or embedded:PATH for development"
            )
        found = dsn.parse(url, self.values)
        if found.local is not None and found.is_production:
            raise ConfigError(
                f"DATABASE_URL: {found.local.scheme}: is for development and refused if "
                "OADB_ENV=production; give the URL of a server"
            )
        return found

    def read_hosts(self) -> tuple[Dsn, ...]:
        url = self._text("DATABASE_URL_READ")
        return () if url is None else dsn.parse_hosts(url, self.values, "DATABASE_URL_READ")

    def integer(self, name: str, default: int, *, least: int, most: int) -> int:
        text = self._text(name)
        if text is None:
            return default
        if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
            raise self._invalid(name, f"a whole number from {least} to {most}")
        return int(text)

    def seconds(self, name: str, default: float, *, least: float = 0.0, most: int = 86400) -> float:
        text = self._text(name)
        if text is None:
            return default
        value = self._number(text)
        if not least <= value <= most:
            zero = "from 0 (no limit)" if most == 86400 else "from 0 (no wait)"
            allowed = "more than 0" if least else zero
            raise self._invalid(name, f"seconds, {allowed} to {most}")
        return value

    def optional_seconds(self, name: str) -> float | None:
        return None if self._text(name) is None else self.seconds(name, 0.0)

    def recycle(self, name: str, default: float) -> float:
        text = self._text(name)
        if text is None:
            return default
        value = math.inf if text == "-1" else self._number(text)
        if not value > 0:
            raise self._invalid(name, "seconds, more than 0, or -1 for never")
        return value

    def boolean(self, name: str, *, default: bool) -> bool:
        text = self._text(name)
        if text is None:
            return default
        words = {"true": True, "1": True, "yes": True, "on": True}
        words |= {"false": False, "0": False, "no": False, "off": False}
        if text.lower() not in words:
            raise self._invalid(name, "true or false")
        return words[text.lower()]

    def pooler(self, name: str, default: Pooler) -> Pooler:
        text = self._text(name) or default
        if text not in get_args(Pooler):
            raise self._invalid(name, "none, pgbouncer or pgbouncer-prepared")
        return cast("Pooler", text)

    def second_connection(self, name: str, default: SecondConnection) -> SecondConnection:
        text = self._text(name) or default
        if text not in {"warn", "error", "allow"}:
            raise self._invalid(name, "warn, error or allow")
        return cast("SecondConnection", text)

    def _text(self, name: str) -> str | None:
        """Return the value, or None: an empty variable is unset, as in shells and Compose."""
        return self.values.get(name, "").strip() or None

    def _number(self, text: str) -> float:
        """Return a finite number, or NaN, which is in no range."""
        try:
            value = float(text)
        except ValueError:
            return math.nan
        return value if math.isfinite(value) else math.nan

    def _invalid(self, name: str, allowed: str) -> ConfigError:
        return ConfigError(f"{name} is {self.values[name]!r}; it must be {allowed}")
