"""Prepared statements through a pooler that gives them names of its own, as PgBouncer 1.21 does.

Such a pooler knows a statement by its text, and prepares it in each session of the server to which
it takes the calls of a client. Three things differ from a session of one's own:

- A pooler that passes names on would run what another service has prepared under the same name, so
  it is refused when a connection is made.
- No limits are set when a session begins. They are those of the role, if it has the same ones, or
  are sent at the beginning of each transaction.
- A plan whose result has changed its type stays with the text, under whatever name. The text gets a
  mark then, so that it is another one.
"""

from collections.abc import Mapping
from secrets import token_hex
from time import time
from typing import Any

import psycopg

from oadb.engine import wire
from oadb.engine.bounded import at_most, bounded
from oadb.engine.prepared_statements import PreparedStatement

# Seconds for the first answer behind a pooler, which may let a client wait for a session.
_PATIENCE = 10.0

_BEGIN = wire.SetupStatement(b"begin read only")

# Whether the server knows this statement by the name it was given here, and whether its sessions
# begin with the limits. Another client may have changed those of this session alone.
_EXAMINE = b"""\
select
    exists (
        select 1 from pg_catalog.pg_prepared_statements as prepared where prepared.name = $1
    ) as is_known,
    pg_catalog.bool_and(
        found.setting operator(pg_catalog.=) found.reset_val
        and found.setting operator(pg_catalog.=) case found.name
            when 'statement_timeout' then $2
            when 'lock_timeout' then $3
            else $4
        end
    ) as has_limits
from pg_catalog.pg_settings as found
where found.name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout')"""

_SET = (
    b"select pg_catalog.set_config('statement_timeout', $1, true), "
    b"pg_catalog.set_config('lock_timeout', $2, true), "
    b"pg_catalog.set_config('idle_in_transaction_session_timeout', $3, true)"
)

LIMITS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
"""The settings of the server that hold the limits, in the order in which they are sent."""

_REFUSED = (
    "DB_POOLER is pgbouncer-prepared, and what answers here does not give prepared statements "
    "names of its own: for PgBouncer before 1.21, or with max_prepared_statements = 0, set "
    "DB_POOLER=pgbouncer; for the server itself set DB_POOLER=none"
)


class RenamedStatements:
    """What the connections of a pool share through such a pooler.

    Args:
        limits: milliseconds of each of LIMITS.
    """

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._values = tuple(b"%d" % limits[name] for name in LIMITS)
        self.mark = b""
        """Added to the texts that new connections prepare."""

    def examine(self, connection: Any) -> wire.Exchange:
        """Return what must be sent at the beginning of each transaction of a new connection.

        Raises:
            psycopg.Error: the pooler passes names on; or there is no answer. The connection is
                closed.
        """
        try:
            return (yield from bounded(self._exchange(connection), at_most(_PATIENCE, "a pooler")))
        except BaseException:
            connection.pgconn.finish()
            raise

    def renew(self, mark: bytes) -> None:
        """Have new connections prepare other texts than those with *mark*, whose plans are stale.

        Processes that notice it within a minute use the same texts, of which a pooler keeps few.
        """
        if mark == self.mark:
            new = b"\n/* since %d */" % (time() // 60 * 60)
            self.mark = new if new != mark else b"\n/* since %s */" % token_hex(8).encode()

    def _exchange(self, connection: Any) -> wire.Exchange:
        pgconn = connection.pgconn
        name = f"oadb {token_hex(8)}"
        prepared = PreparedStatement.new(connection, name)
        values = prepared.dump((name, *(value.decode() for value in self._values)))
        # In one transaction, which is one session of the server.
        answer = yield from wire.exchange(
            pgconn, prepared, _EXAMINE, values, [_BEGIN], prepares=True
        )
        if answer.get_value(0, 0) == b"t":
            yield from wire.simple(pgconn, f'deallocate "{name}"'.encode())
            yield from wire.simple(pgconn, b"rollback")
            raise psycopg.OperationalError(_REFUSED)
        yield from wire.simple(pgconn, b"rollback")
        has_limits = answer.get_value(0, 1) == b"t"
        return () if has_limits else (wire.SetupStatement(_SET, self._values),)
