"""Every field that a second import follows, with how it is changed there and here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from oadb import Database, Secret
from oadb.accounts import api_keys, broker_tokens, second_factors, users
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.accounts.users import User
from oadb.bans import ip_bans
from oadb.bans.ip_bans import Ban
from oadb.importing import updating
from oadb.importing.updating import Factor
from oadb.settings import app_settings, smtp_settings
from oadb.trading import chartink, strategies, webhooks
from oadb.trading.chartink import ChartinkMapping
from oadb.trading.strategies import Strategy, SymbolMapping
from tests.importing.openalgo import (
    PASSWORD,
    SCAN,
    SMTP,
    TOTP,
    WEBHOOK,
    Installation,
    cipher,
    hashed,
)

SMTP_SALT = b"smtp-openalgo-salt"
NEW_KEY, NEW_TOTP = "ab" * 32, TOTP[::-1]
NEW_PASSWORD = "newer there 1"
UNTIL = datetime(2090, 1, 1, tzinfo=UTC)
NEW_WEBHOOK = f"{WEBHOOK[:-1]}9"
BANNED = "203.0.113.1"


def install(origin: Installation) -> None:
    """Add rows of every table whose changes are followed."""
    origin.add_asha()
    origin.add_asha(name="ravi", api_key="0" * 64, is_admin=0)
    origin.add_asha(name="mira", api_key="1" * 64, is_admin=0)
    mapping = {"strategy_id": 1, "exchange": "NSE", "quantity": 5, "product_type": "MIS"}
    times = {"start_time": "09:20", "end_time": "15:00", "squareoff_time": "15:15"}
    origin.add(
        "strategies",
        {"name": "Momentum", "webhook_id": WEBHOOK, "user_id": "Asha", **times},
    )
    symbols = [{**mapping, "symbol": symbol} for symbol in ("SBIN", "TCS")]
    origin.add("strategy_symbol_mappings", *symbols)
    origin.add("chartink_strategies", {"name": "Scan", "webhook_id": SCAN, "user_id": "Asha"})
    origin.add("chartink_symbol_mappings", {**mapping, "chartink_symbol": "INFY"})
    mail = {"smtp_server": "smtp.example.in", "smtp_port": 587, "smtp_username": "asha"}
    password = {"smtp_password_encrypted": cipher(SMTP, salt=SMTP_SALT)}
    origin.add("settings", {"analyze_mode": 1, **mail, **password})
    ban = {"ip_address": BANNED, "ban_reason": "404s", "is_permanent": 1, "ban_count": 2}
    origin.add("ip_bans", ban, file="logs")


def _user(db: Database, name: str = "asha") -> User:
    found = users.find_by_username(db, name)
    assert found is not None
    return found


def _strategy(db: Database) -> Strategy[SymbolMapping]:
    (found,) = strategies.list_by_user(db, _user(db).user_id).rows
    return found


def _place(db: Database) -> tuple[int, UUID]:
    found = _strategy(db)
    return found.user_id, found.strategy_id


def _symbols(db: Database) -> Mapping[str, int]:
    return {each.symbol: each.quantity for each in _strategy(db).mappings}


def _scan(db: Database) -> Strategy[ChartinkMapping]:
    (found,) = chartink.list_by_user(db, _user(db).user_id).rows
    return found


def _login(db: Database, name: str) -> object:
    found = broker_tokens.open_current(db, _user(db, name).user_id)
    return (found.broker, found.tokens.access) if isinstance(found, BrokerToken) else found


def _log_in(db: Database, name: str) -> object:
    given = Tokens(Secret("of oadb"))
    return broker_tokens.put(db, _user(db, name).user_id, "zerodha", given)


def _key(db: Database) -> api_keys.ApiKey:
    (found,) = api_keys.list_by_user(db, _user(db).user_id).rows
    return found


def _ban(db: Database) -> Ban | None:
    return ip_bans.find_by_ip(db, BANNED)


def _factor(db: Database, name: str = "asha") -> Factor | None:
    return updating.get_credentials(db, _user(db, name).user_id).factor


def _right_password(db: Database) -> object:
    tried = (PASSWORD, NEW_PASSWORD, "quiet river 77")
    return next((each for each in tried if users.verify_password(db, "asha", Secret(each))), None)


def _ban_here(db: Database) -> object:
    ip_bans.unban(db, BANNED)
    hours = timedelta(hours=1)
    return ip_bans.ban(db, BANNED, "here", duration=hours, by=None, repeat_offender_limit=0)


def _send_from(db: Database, server: str) -> object:
    password = smtp_settings.open(db).password
    return smtp_settings.update(db, by=None, server=server, password=password)


@dataclass(frozen=True)
class Field:
    """A field, what it becomes there, how it is changed here, and how it is read here.

    ``two`` fields have two values only, so that both systems change them to the same.
    """

    table: str
    name: str
    there: Callable[[Installation], object]
    here: Callable[[Database], object] | None
    look: Callable[[Database], object]
    expected: object
    two: bool = False
    row_id: int = 1


def _set(table: str, row_id: int = 1, /, **values: object) -> Callable[[Installation], object]:
    return lambda origin: origin.change(table, row_id, **values)


ORDERS = [
    Field("settings", "analyze_mode", _set("settings", analyze_mode=0),
          lambda db: app_settings.set_trading_mode(db, "live", by=None),
          app_settings.get_trading_mode, "live", two=True),
    Field("api_keys", "order_mode", _set("api_keys", order_mode="auto"),
          lambda db: api_keys.set_order_mode(
              db, _user(db).user_id, _key(db).api_key_id, "auto"),
          lambda db: _key(db).order_mode, "auto", two=True),
    Field("api_keys", "api_key",
          _set("api_keys", api_key_encrypted=cipher(NEW_KEY), api_key_hash=hashed(NEW_KEY)),
          lambda db: api_keys.rotate(db, _user(db).user_id, _key(db).api_key_id),
          lambda db: api_keys.open_kept(db, _user(db).user_id, _key(db).api_key_id),
          Secret(NEW_KEY)),
    Field("auth", "auth", _set("auth", auth=cipher("newer")), lambda db: _log_in(db, "asha"),
          lambda db: _login(db, "asha"), ("zerodha", Secret("newer"))),
    Field("auth", "auth", _set("auth", 2, auth="", broker="", is_revoked=1),
          lambda db: _log_in(db, "ravi"), lambda db: bool(_login(db, "ravi")), False, row_id=2),
    Field("auth", "auth", _set("auth", 3, auth=cipher("other"), broker="dhan"),
          lambda db: _log_in(db, "mira"), lambda db: _login(db, "mira"),
          ("dhan", Secret("other")), row_id=3),
    Field("strategies", "is_active", _set("strategies", is_active=0),
          lambda db: strategies.set_active(db, *_place(db), is_active=False),
          lambda db: _strategy(db).is_active, False, two=True),
    Field("strategies", "trading_mode", _set("strategies", trading_mode="SHORT"),
          None, lambda db: _strategy(db).direction, "SHORT"),
    Field("strategies", "is_intraday", _set("strategies", is_intraday=0),
          None, lambda db: _strategy(db).is_intraday, False),
    Field("strategies", "platform", _set("strategies", platform="amibroker"),
          None, lambda db: _strategy(db).platform, "amibroker"),
    Field("strategies", "name", _set("strategies", name="Slow"),
          lambda db: strategies.rename(db, *_place(db), "Fast"),
          lambda db: _strategy(db).name, "Slow"),
    Field("strategies", "start_time", _set("strategies", start_time="9:30"),
          lambda db: strategies.update(db, *_place(db), start_time=time(10)),
          lambda db: _strategy(db).start_time, time(9, 30)),
    Field("strategies", "webhook_id", _set("strategies", webhook_id=NEW_WEBHOOK),
          lambda db: webhooks.rotate(db, *_place(db)),
          lambda db: _strategy(db).webhook_hint, "0b3f...0009"),
    Field("strategies", "mapping SBIN", _set("strategy_symbol_mappings", quantity=9),
          lambda db: strategies.put_mappings(
              db, *_place(db), [SymbolMapping("SBIN", "NSE", 7, "MIS")]),
          lambda db: _symbols(db).get("SBIN"), 9),
    Field("strategies", "mapping TCS",
          lambda origin: origin.delete("strategy_symbol_mappings", 2),
          lambda db: strategies.put_mappings(
              db, *_place(db), [SymbolMapping("TCS", "BSE", 7, "MIS")]),
          lambda db: _symbols(db).get("TCS"), None),
    Field("strategies", "mapping WIPRO",
          lambda origin: origin.add("strategy_symbol_mappings", {
              "strategy_id": 1, "exchange": "NSE", "quantity": 3, "product_type": "MIS",
              "symbol": "WIPRO"}),
          lambda db: strategies.put_mappings(
              db, *_place(db), [SymbolMapping("WIPRO", "BSE", 7, "MIS")]),
          lambda db: _symbols(db).get("WIPRO"), 3),
    Field("chartink_strategies", "is_active", _set("chartink_strategies", is_active=0),
          lambda db: chartink.set_active(
              db, _scan(db).user_id, _scan(db).strategy_id, is_active=False),
          lambda db: _scan(db).is_active, False, two=True),
    Field("chartink_strategies", "mapping INFY", _set("chartink_symbol_mappings", quantity=9),
          lambda db: chartink.put_mappings(
              db, _scan(db).user_id, _scan(db).strategy_id,
              [ChartinkMapping("INFY", "NSE", 7, "MIS")]),
          lambda db: _scan(db).mappings[0].quantity, 9),
]  # fmt: skip  # a table

PEOPLE = [
    Field("users", "email", _set("users", email="there@example.in"),
          lambda db: users.update(db, _user(db).user_id, email="here@example.in"),
          lambda db: _user(db).email, "there@example.in"),
    Field("users", "is_admin", _set("users", is_admin=0),
          lambda db: users.update(db, _user(db).user_id, is_admin=False),
          lambda db: _user(db).is_admin, False, two=True),
    Field("users", "password_hash", _set("users", password_hash=hashed(NEW_PASSWORD)),
          lambda db: users.set_password(db, _user(db).user_id, Secret("quiet river 77")),
          _right_password, NEW_PASSWORD),
    Field("users", "totp_secret", _set("users", totp_secret=cipher(NEW_TOTP)),
          lambda db: second_factors.disable(db, _user(db).user_id),
          lambda db: getattr(_factor(db), "secret", None), Secret(NEW_TOTP)),
    Field("users", "totp_required_for_mcp", _set("users", 2, totp_required_for_mcp=1),
          lambda db: second_factors.set_required(
              db, _user(db, "ravi").user_id, for_login=True, for_mcp=True,
              for_password_reset=False),
          lambda db: getattr(_factor(db, "ravi"), "for_mcp", None), True, two=True, row_id=2),
    Field("users", "totp_enabled", _set("users", 3, totp_enabled=0), None,
          lambda db: getattr(_factor(db, "mira"), "is_confirmed", None), False, row_id=3),
    Field("settings", "smtp_server", _set("settings", smtp_server="there.example.in"),
          lambda db: _send_from(db, "here.example.in"),
          lambda db: smtp_settings.get(db).server, "there.example.in"),
    Field("settings", "smtp_password_encrypted",
          _set("settings", smtp_password_encrypted=cipher("newer", salt=SMTP_SALT)),
          lambda db: smtp_settings.update(db, by=None, password=Secret("of oadb")),
          lambda db: smtp_settings.open(db).password, Secret("newer")),
    Field("settings", "security_404_threshold", _set("settings", security_404_threshold=7),
          lambda db: app_settings.update_security(db, by=None, not_found_threshold=9),
          lambda db: app_settings.get_security(db).not_found_threshold, 7),
    Field("settings", "security_api_ban_duration", _set("settings", security_api_ban_duration=7),
          lambda db: app_settings.update_security(db, by=None, bad_key_ban=timedelta(hours=9)),
          lambda db: app_settings.get_security(db).bad_key_ban, timedelta(hours=7)),
    Field("ip_bans", "expires_at", _set("ip_bans", is_permanent=0, expires_at=str(UNTIL)),
          _ban_here, lambda db: getattr(_ban(db), "expires_at", None), UNTIL),
    Field("ip_bans", "ban_reason", _set("ip_bans", ban_reason="wrong keys"),
          _ban_here, lambda db: getattr(_ban(db), "reason", None), "wrong keys"),
]  # fmt: skip  # a table

FIELDS = [*ORDERS, *PEOPLE]
