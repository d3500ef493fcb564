"""The same trading day through oadb."""

from collections.abc import Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from time import sleep

import psycopg

from oadb import Config, Database, Secret
from oadb.accounts import api_keys, authorization, broker_tokens, login_attempts, sessions, users
from oadb.accounts.broker_tokens import Tokens
from oadb.logs import rollups, traffic
from oadb.logs.api_logs import Call
from oadb.logs.traffic import Request
from oadb.logs.writer import LogWriter
from oadb.market import instruments, live_index, loads
from oadb.market.instruments import Listing
from oadb.market.search import search
from oadb.settings import app_settings
from tests.benchmarks.market import BROKER

_PASSWORD = Secret("correct horse battery")

_FILL = """
insert into oadb.traffic (logged_at, ip, method, path, endpoint, status, duration_ms, host)
select
    %(start)s + n * interval '3 hours' / %(rows)s,
    '10.0.0.0'::inet + n %% 250,
    'POST',
    '/api/v1/endpoint' || n %% 20,
    '/api/v1/endpoint' || n %% 20,
    case when n %% 25 = 0 then 404 else 200 end,
    5.0 + n %% 40,
    'example.in'
from generate_series(0, %(rows)s - 1) as n
"""

_BATCHES = """
insert into oadb.log_batches (batch_id, table_name, rows, first_at, last_at)
select gen_random_uuid(), 'traffic', 1, first_at, first_at + interval '1 minute'
from generate_series(%(start)s, %(start)s + interval '3 hours', interval '1 minute')
    as batches (first_at)
"""


class OnOadb:
    """One process: a Database, a LogWriter, and the index of instruments in memory."""

    def __init__(self, url: str, config: Config, listed: Sequence[Listing]) -> None:
        self._url, self._config, self._running = url, config, ExitStack()
        self._db = self._running.enter_context(Database(config))
        self._logs = self._running.enter_context(LogWriter(config))
        loads.load(self._db, BROKER, listed, force=True)
        self._live = self._running.enter_context(live_index.LiveIndex(self._db, BROKER))
        self._asked = self._running.enter_context(Database(config))
        self._lost = 0
        self._user = users.create(self._db, "asha", "asha@example.in")
        users.set_password(self._db, self._user.user_id, _PASSWORD)
        made = api_keys.create(self._db, self._user.user_id, "client", order_mode="auto")
        self._key = made.token
        expires = datetime.now(UTC) + timedelta(days=1)
        given = Tokens(access=Secret("a token of the broker"))
        broker_tokens.put(self._db, self._user.user_id, BROKER, given, expires_at=expires)
        app_settings.set_trading_mode(self._db, "live", by=None)

    def forget(self) -> None:
        """Ask through a Database that has just opened, and keeps nothing."""
        self._asked.close()
        self._asked = self._running.enter_context(Database(self._config))

    def order(self, listed: Listing) -> None:
        """Verify the key, look at the mode, open the token, find the instrument, log the order."""
        found = authorization.authorize(self._asked, self._key)
        if not found or not found.broker_token or not self.find(listed):
            raise LookupError(listed.symbol)
        sent: dict[str, object] = {
            "symbol": listed.symbol,
            "action": "BUY",
            "quantity": "1",
            "price": "2450.5",
        }
        answer: dict[str, object] = {"orderid": "1"}
        call = Call(
            endpoint="/api/v1/placeorder",
            method="POST",
            status=200,
            user_id=found.user_id,
            ip="192.0.2.1",
            request=sent,
            response=answer,
        )
        if not self._logs.offer(call):
            raise LookupError("a row was dropped")

    def request(self, path: str) -> None:
        """Log a request."""
        self._logs.offer(
            Request(
                ip="10.0.0.1",
                method="POST",
                path=path,
                status=200,
                duration_ms=12.5,
                endpoint=path,
            )
        )

    def drain(self) -> int:
        """Wait until what was logged is stored; return how many rows were lost."""
        left = self._logs.drain(deadline_seconds=60)
        stats = self._logs.stats()
        before, self._lost = self._lost, stats.dropped + stats.rejected + stats.refused
        return left + self._lost - before

    def sign_in(self) -> None:
        """Check the password, keep a session and the attempt."""
        found = login_attempts.sign_in(self._db, "asha", _PASSWORD, ip="192.0.2.1")
        if found.user is None:
            raise LookupError("asha")
        sessions.create(self._db, found.user, ip="192.0.2.1")

    def reload(self, rows: Sequence[Listing]) -> None:
        """Load, and wait until the index in memory is that of the load."""
        before = self._live.index
        loads.load(self._db, BROKER, rows, force=True)
        while self._live.index is before:
            sleep(0.01)

    def find(self, listed: Listing) -> bool:
        """Find the token of an instrument in memory."""
        return self._live.index.get_token(BROKER, listed.exchange, listed.symbol) is not None

    def look(self, listed: Listing) -> bool:
        """Find an instrument in the database."""
        return instruments.get(self._db, BROKER, listed.exchange, listed.symbol) is not None

    def search(self, text: str) -> int:
        """Search in the database, the best 50 first."""
        return len(search(self._db, BROKER, text))

    def fill(self, count: int) -> None:
        """Store requests of the past, and let maintain sum them up."""
        start = datetime.now(UTC) - timedelta(hours=4)
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(_FILL, {"start": start, "rows": count})
            connection.execute(_BATCHES, {"start": start})
            connection.execute("vacuum analyze oadb.traffic")
        while not rollups.refresh(self._db).is_complete:
            pass

    def statistics(self) -> int:
        """Return how many requests there were; all else is in the same answer."""
        now = datetime.now(UTC)
        found = traffic.statistics(self._db, since=now - timedelta(hours=5), until=now)
        return found.total.requests

    def close(self) -> None:
        """End its threads and connections."""
        self._running.close()
