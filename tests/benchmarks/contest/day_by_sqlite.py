"""A trading day as OpenAlgo's database package works through it: SQLAlchemy's ORM over SQLite.

Written anew, after what that package does: caches in the process, a commit for each row of a log on
an executor, instruments that are deleted and inserted anew and then read into dictionaries. SQLite
has a write-ahead log and ``synchronous = normal``, so that a commit does not wait for the disk.
"""

import hashlib
import json
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from argon2 import PasswordHasher
from cryptography.fernet import Fernet
from sqlalchemy import orm

from oadb.market.instruments import Listing

DURABILITY = "SQLite, journal_mode wal, synchronous normal: a commit does not wait for the disk"
_PASSWORD, _KEY = "correct horse battery", "a key of forty letters that a client has"


class Base(orm.DeclarativeBase):
    """The models of this way."""


class Account(Base):
    __tablename__ = "accounts"
    name: orm.Mapped[str] = orm.mapped_column(primary_key=True)
    password_hash: orm.Mapped[str]
    key_hash: orm.Mapped[str]
    broker_token: orm.Mapped[str]


class Mode(Base):
    __tablename__ = "modes"
    mode_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    is_analyze: orm.Mapped[bool]


class SignIn(Base):
    __tablename__ = "sign_ins"
    sign_in_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    name: orm.Mapped[str] = orm.mapped_column(index=True)
    ip: orm.Mapped[str]
    at: orm.Mapped[datetime]


class Symbol(Base):
    __tablename__ = "symbols"
    symbol_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    symbol: orm.Mapped[str] = orm.mapped_column(index=True)
    exchange: orm.Mapped[str] = orm.mapped_column(index=True)
    token: orm.Mapped[str] = orm.mapped_column(index=True)
    name: orm.Mapped[str] = orm.mapped_column(index=True)
    broker_symbol: orm.Mapped[str] = orm.mapped_column(index=True)


class OrderLog(Base):
    __tablename__ = "order_logs"
    log_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    request: orm.Mapped[str]
    response: orm.Mapped[str]
    at: orm.Mapped[datetime]


class Traffic(Base):
    __tablename__ = "traffic"
    log_id: orm.Mapped[int] = orm.mapped_column(primary_key=True)
    ip: orm.Mapped[str] = orm.mapped_column(index=True)
    method: orm.Mapped[str]
    path: orm.Mapped[str]
    status: orm.Mapped[int] = orm.mapped_column(index=True)
    duration_ms: orm.Mapped[float]


class OnSqlite:
    """One process with its caches."""

    def __init__(self, folder: Path, listed: Sequence[Listing]) -> None:
        self._engine = sa.create_engine(f"sqlite:///{folder / 'day.db'}")
        sa.event.listen(self._engine, "connect", _configure)
        Base.metadata.create_all(self._engine)
        self._sessions = orm.scoped_session(orm.sessionmaker(self._engine))
        self._orders, self._requests = ThreadPoolExecutor(10), ThreadPoolExecutor(1)
        self._pending: list[Future[None]] = []
        self._fernet, self._hasher = Fernet(Fernet.generate_key()), PasswordHasher()
        self._symbols: dict[tuple[str, str], str] = {}
        self._listed: list[Symbol] = []
        self.forget()
        with self._session() as session:
            session.add_all([self._account(), Mode(mode_id=1, is_analyze=False)])
        self.reload(listed)

    def forget(self) -> None:
        """Be a process that has just started."""
        self._verified: dict[str, str] = {}
        self._tokens: dict[str, str] = {}
        self._analyze: bool | None = None

    def order(self, listed: Listing) -> None:
        """Verify the key, look at the mode, open the token, find the instrument, log the order."""
        name = self._verify(_KEY)
        if name not in self._tokens:
            with self._session() as session:
                self._tokens[name] = session.get_one(Account, name).broker_token
        self._fernet.decrypt(self._tokens[name].encode())
        if self._analyze is None:
            with self._session() as session:
                self._analyze = session.get_one(Mode, 1).is_analyze
        if not self.find(listed):
            raise LookupError(listed.symbol)
        sent = {"symbol": listed.symbol, "action": "BUY", "quantity": "1", "price": "2450.5"}
        self._pending.append(self._orders.submit(self._log_order, sent, {"orderid": "1"}))

    def request(self, path: str) -> None:
        """Log a request."""
        self._pending.append(self._requests.submit(self._log_request, path))

    def drain(self) -> int:
        """Wait until what was logged is stored; return how many rows were lost.

        That is what happens to a row that waits for SQLite's one writer longer than 5 s.
        """
        pending, self._pending = self._pending, []
        wait(pending)
        return sum(isinstance(each.exception(), sa.exc.OperationalError) for each in pending)

    def sign_in(self) -> None:
        """Check the password, keep a session and the attempt."""
        with self._session() as session:
            self._hasher.verify(session.get_one(Account, "asha").password_hash, _PASSWORD)
        with self._session() as session:
            session.add(SignIn(name="asha", ip="192.0.2.1", at=datetime.now(UTC)))

    def reload(self, rows: Sequence[Listing]) -> None:
        """Delete, commit, insert, commit; then clear the dictionaries and fill them."""
        with self._session() as session:
            session.query(Symbol).delete()
        with self._session() as session:
            session.bulk_insert_mappings(Symbol, [_symbol(row) for row in rows])
        self._symbols.clear()
        with self._session() as session:
            self._listed = session.query(Symbol).all()
            session.expunge_all()
        for each in self._listed:
            self._symbols[each.symbol, each.exchange] = each.token

    def find(self, listed: Listing) -> bool:
        """Find the token of an instrument: in the dictionaries, else in the table."""
        return (listed.symbol, listed.exchange) in self._symbols or self.look(listed)

    def look(self, listed: Listing) -> bool:
        """Find an instrument in the table."""
        with self._session() as session:
            wanted = {"symbol": listed.symbol, "exchange": listed.exchange}
            return session.query(Symbol).filter_by(**wanted).first() is not None

    def search(self, text: str) -> int:
        """Search in memory, the best 50 first."""
        wanted = text.upper()
        found = [each for each in self._listed if wanted in each.symbol]
        found.sort(key=lambda each: (not each.symbol.startswith(wanted), len(each.symbol)))
        return len(found[:50])

    def fill(self, count: int) -> None:
        """Store requests of the past."""
        with self._session() as session:
            session.execute(sa.insert(Traffic), [_request(number) for number in range(count)])

    def statistics(self) -> int:
        """Return how many requests there were; errors and the mean are asked too."""
        with self._session() as session:
            count = session.query(sa.func.count(Traffic.log_id)).scalar()
            session.query(sa.func.count(Traffic.log_id)).filter(Traffic.status >= 400).scalar()
            session.query(sa.func.avg(Traffic.duration_ms)).scalar()
        return int(count or 0)

    def close(self) -> None:
        """End its threads and connections."""
        self._orders.shutdown()
        self._requests.shutdown()
        self._engine.dispose()

    @contextmanager
    def _session(self) -> Generator[Any]:
        session = self._sessions()
        try:
            yield session
            session.commit()
        finally:
            self._sessions.remove()

    def _verify(self, key: str) -> str:
        digest = hashlib.sha256(key.encode()).hexdigest()
        if digest not in self._verified:
            with self._session() as session:
                for each in session.query(Account).all():
                    self._hasher.verify(each.key_hash, key)
                    self._verified[digest] = each.name
        return self._verified[digest]

    def _log_order(self, sent: dict[str, str], answer: dict[str, str]) -> None:
        row = OrderLog(request=json.dumps(sent), response=json.dumps(answer), at=datetime.now(UTC))
        with self._session() as session:
            session.add(row)

    def _log_request(self, path: str) -> None:
        with self._session() as session:
            session.add(Traffic(**(_request(0) | {"path": path})))

    def _account(self) -> Account:
        token = self._fernet.encrypt(b"a token of the broker").decode()
        hashes = (self._hasher.hash(_PASSWORD), self._hasher.hash(_KEY))
        return Account(name="asha", password_hash=hashes[0], key_hash=hashes[1], broker_token=token)


def _configure(connection: Any, _record: object) -> None:
    connection.execute("pragma journal_mode = wal")
    connection.execute("pragma synchronous = normal")


def _symbol(row: Listing) -> dict[str, str]:
    return {
        "symbol": row.symbol,
        "exchange": row.exchange,
        "token": row.token,
        "name": row.name,
        "broker_symbol": row.broker_symbol,
    }


def _request(number: int) -> dict[str, object]:
    return {
        "ip": f"10.0.0.{number % 250}",
        "method": "POST",
        "path": f"/api/v1/endpoint{number % 20}",
        "status": 404 if number % 25 == 0 else 200,
        "duration_ms": 5.0 + number % 40,
    }
