"""Twenty-one tasks of a trading service, written against oadb."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from oadb import AsyncDatabase, Database, Executor, Refusal, Secret
from oadb.accounts import api_keys, broker_tokens, login_attempts, second_factors, sessions, users
from oadb.accounts.api_keys import OrderMode
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.bans import ip_bans
from oadb.bans.ip_bans import Ban
from oadb.bans.live_bans import LiveBans
from oadb.changes.announcements import ChangedTable
from oadb.changes.change_feed import ChangeFeed, Everything
from oadb.errors import NoRowError
from oadb.logs import api_logs, traffic
from oadb.logs.api_logs import Call, LoggedCall
from oadb.logs.traffic import Request, TrafficStatistics
from oadb.logs.writer import LogWriter
from oadb.market import instruments, loads
from oadb.market.instruments import Instrument
from oadb.settings import app_settings, user_settings
from oadb.trading import pending_orders, strategies
from oadb.trading.pending_orders import PendingOrder
from oadb.trading.strategies import SymbolMapping

INDIA = ZoneInfo("Asia/Kolkata")


@dataclass(frozen=True)
class NotSignedIn:
    """What to tell a user who is not signed in yet."""

    message: str
    wait: timedelta
    needs_code: bool


def _explain(attempt: login_attempts.SignIn) -> NotSignedIn:
    if attempt.needs_code:
        message = "Enter the code of your authenticator."
    elif attempt.wait > timedelta(0):
        message = f"Try again in {attempt.wait.total_seconds():.0f} s."
    else:
        message = "Wrong name or password."
    return NotSignedIn(message, attempt.wait, attempt.needs_code)


# 1
def sign_in(
    db: Database,
    username: str,
    password: Secret,
    *,
    ip: str,
    code: Secret | None = None,
    device: str | None = None,
) -> Secret | NotSignedIn:
    attempt = login_attempts.sign_in(db, username, password, ip=ip, code=code, device=device)
    if attempt.user is None:
        return _explain(attempt)
    try:
        new = sessions.create(db, attempt.user, device=device, ip=ip)
    except NoRowError:
        return NotSignedIn("The password was changed. Sign in again.", timedelta(0), False)
    return new.token


# 2
def guard_request(db: Database, token: Secret) -> int | None:
    session = sessions.verify(db, token)
    if not session:
        return None
    return session.user_id


# 3
def guard_api(db: Database, token: Secret) -> tuple[int, OrderMode] | str:
    key = api_keys.verify(db, token)
    if isinstance(key, Refusal):
        return f"API key {key.value}"
    return key.user_id, key.order_mode


class BrokerRefusedError(Exception):
    """The broker has definitely not taken the order."""


# 4
def approve_and_send(
    db: Database, user_id: int, pending_order_id: int, send: Callable[[PendingOrder], str]
) -> bool:
    """Whether the order was sent; *send* returns the broker's id of the order."""
    order = pending_orders.get(db, user_id, pending_order_id=pending_order_id)
    if order is None:
        return False
    if not pending_orders.approve(db, user_id, pending_order_id=pending_order_id):
        return False
    try:
        broker_order_id = send(order)
    except BrokerRefusedError as error:
        pending_orders.record_outcome(
            db,
            user_id,
            pending_order_id=pending_order_id,
            outcome="failed",
            reason=str(error)[:500] or "refused by the broker",
        )
        return False
    pending_orders.record_outcome(
        db,
        user_id,
        pending_order_id=pending_order_id,
        outcome="sent",
        broker_order_id=broker_order_id,
    )
    return True


# 5
def reject_order(
    db: Executor, user_id: int, pending_order_id: int, *, admin_id: int, reason: str
) -> bool:
    return pending_orders.reject(
        db, user_id, pending_order_id=pending_order_id, by=admin_id, reason=reason
    )


# 6
def calls_of_last_day(db: Executor, user_id: int) -> Iterator[LoggedCall]:
    since = datetime.now(UTC) - timedelta(hours=24)
    cursor: str | None = None
    while True:
        page = api_logs.list_calls(db, user_id=user_id, since=since, cursor=cursor, limit=1000)
        yield from page
        cursor = page.next
        if cursor is None:
            return


# 7
def promote_without_last_name(db: Executor, user_id: int) -> bool:
    return users.update(db, user_id, last_name=None, is_admin=True)


# 8
def ban_for_an_hour_and_lift(
    db: Executor, ip: str, *, admin_id: int, reason: str, while_banned: Callable[[Ban], None]
) -> bool:
    ban = ip_bans.ban(
        db, ip, reason, duration=timedelta(hours=1), by=admin_id, repeat_offender_limit=0
    )
    while_banned(ban)
    return ip_bans.unban(db, ip)


# 9
def is_banned(bans: LiveBans, ip: str) -> bool:
    return bans.is_banned(ip)


# 10
def rotate_key(db: Executor, user_id: int, api_key_id: UUID) -> Secret | None:
    return api_keys.rotate(db, user_id, api_key_id)


# 11
def create_and_show_kept_key(db: Executor, user_id: int, name: str) -> str | None:
    new = api_keys.create(db, user_id, name, order_mode="semi_auto", keep_token=True)
    shown = api_keys.open_kept(db, user_id, new.key.api_key_id)
    return None if shown is None else shown.reveal()


# 12
def store_and_open_broker_tokens(
    db: Executor, user_id: int, broker: str, access: Secret, feed: Secret | None = None
) -> BrokerToken | Refusal:
    tomorrow = datetime.now(INDIA).date() + timedelta(days=1)
    expires_at = datetime.combine(tomorrow, time(3), tzinfo=INDIA)
    tokens = Tokens(access=access, feed=feed)
    broker_tokens.put(db, user_id, broker, tokens, expires_at=expires_at)
    return broker_tokens.open_current(db, user_id)


# 13
def enroll_second_factor(
    db: Database, user_id: int, account: str, ask_code: Callable[[Secret], Secret]
) -> bool:
    """Whether a code is required from now on; *ask_code* shows the URI and asks for a code."""
    enrolled = second_factors.enroll(db, user_id, account=account)
    if enrolled is None:
        return False
    if not second_factors.verify(db, user_id, ask_code(enrolled.uri)):
        return False
    factor = second_factors.get(db, user_id)
    if factor is None:
        return False
    return second_factors.set_required(
        db,
        user_id,
        for_login=True,
        for_mcp=factor.is_required_for_mcp,
        for_password_reset=factor.is_required_for_password_reset,
    )


THEME = user_settings.declare("chart.theme", str, default="light", choices=("light", "dark"))


# 14
def store_theme(db: Executor, user_id: int, theme: str) -> str:
    user_settings.put(db, user_id, THEME.to(theme))
    return user_settings.get(db, user_id, THEME)


# 15
def go_live(db: Executor, *, admin_id: int) -> bool:
    return app_settings.set_trading_mode(db, "live", by=admin_id)


# 16
def tighten_security(db: Executor, *, admin_id: int) -> bool:
    return app_settings.update_security(
        db, by=admin_id, auto_ban_enabled=True, bad_key_threshold=5, bad_key_ban=None
    )


# 17
def create_strategy_and_handle_alert(
    db: Database, user_id: int, name: str, alert_symbol: str
) -> SymbolMapping | Refusal | None:
    """The order that the alert places; None if the strategy does not map its symbol."""
    with db.transaction() as tx:
        new = strategies.create(tx, user_id, name, direction="BOTH")
        strategies.put_mappings(
            tx,
            user_id,
            new.strategy.strategy_id,
            [
                SymbolMapping(symbol="INFY", exchange="NSE", quantity=10, product_type="MIS"),
                SymbolMapping(symbol="SBIN", exchange="NSE", quantity=5, product_type="CNC"),
            ],
        )
    found = strategies.verify_webhook(db, new.webhook)
    if not found:
        return found
    for mapping in found.mappings:
        if mapping.symbol == alert_symbol:
            return mapping
    return None


# 18
def load_zerodha(
    db: Database, path: Path, exchange: str, token: str
) -> tuple[Instrument | None, Sequence[Instrument]]:
    loads.load_file(db, "zerodha", path)
    instrument = instruments.find_by_token(db, "zerodha", exchange, token)
    expiries = instruments.list_option_expiries(db, "zerodha", "NFO", "NIFTY")
    if not expiries:
        return instrument, []
    return instrument, instruments.list_chain(db, "zerodha", "NFO", "NIFTY", expiries[0])


# 19
def log_and_summarize(
    db: Executor, logs: LogWriter, user_id: int, ip: str, body: dict[str, object]
) -> TrafficStatistics:
    logs.record(
        Call(
            endpoint="/api/v1/placeorder",
            method="POST",
            status=200,
            user_id=user_id,
            ip=ip,
            request=body,
            response={"status": "success"},
        )
    )
    logs.offer(
        Request(
            ip=ip,
            method="POST",
            path="/api/v1/placeorder",
            status=200,
            duration_ms=12.5,
            endpoint="/api/v1/placeorder",
            user_id=user_id,
        )
    )
    now = datetime.now(UTC)
    return traffic.statistics(db, since=now - timedelta(hours=1), until=now)


type_of_entry = tuple[ChangedTable, int | None, str]


# 20
def invalidate(db: Database, cache: dict[type_of_entry, object]) -> None:
    """Drop entries, by table, user and key, until the process ends."""
    with ChangeFeed(db) as changes:
        for change in changes:
            if isinstance(change, Everything):
                cache.clear()
                continue
            for entry in list(cache):
                table, user_id, key = entry
                if user_id != change.user_id:
                    continue
                if change.table == "users" or (table == change.table and change.key in ("", key)):
                    cache.pop(entry, None)


# 21
async def sign_in_async(
    db: AsyncDatabase,
    username: str,
    password: Secret,
    *,
    ip: str,
    code: Secret | None = None,
    device: str | None = None,
) -> Secret | NotSignedIn:
    attempt = await login_attempts.sign_in(db, username, password, ip=ip, code=code, device=device)
    if attempt.user is None:
        return _explain(attempt)
    try:
        new = await sessions.create(db, attempt.user, device=device, ip=ip)
    except NoRowError:
        return NotSignedIn("The password was changed. Sign in again.", timedelta(0), False)
    return new.token
