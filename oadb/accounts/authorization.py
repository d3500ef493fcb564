"""Authorization of an order: the user, key, modes and broker tokens of a request, in one statement.

It answers as ``api_keys.verify``, ``app_settings.get_trading_mode`` and
``broker_tokens.open_current`` do together, of one snapshot and in one round trip.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from oadb.accounts import broker_tokens
from oadb.accounts.api_key_rows import TOKEN, OrderMode
from oadb.accounts.broker_token_rows import BrokerToken, FoundToken
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.executors import AsyncExecutor
from oadb.errors import NoRowError
from oadb.keys import proof
from oadb.security.refusals import Accepted, Refusal, usable
from oadb.security.sealing import Row
from oadb.security.secret import Secret

__all__ = ["Authorization", "authorize"]

query = queries(__name__)

_Mode = Literal["live", "analyze"]


@dataclass(frozen=True, slots=True)
class Authorization(Accepted):
    """An accepted API key, and all that decides about an order that it sends.

    Attributes:
        expires_at: When the key expires; None: it does not.
        order_mode: semi_auto: a person approves the order first, see ``pending_orders``.
        trading_mode: analyze: the order is analyzed and not sent.
        broker_token: The tokens of the user's current login, or why there are none: UNKNOWN,
            REVOKED, EXPIRED. In a condition it is true only if they can be used.
    """

    user_id: int
    username: str
    api_key_id: UUID
    scopes: list[str]
    order_mode: OrderMode
    expires_at: datetime | None
    trading_mode: _Mode
    broker_token: BrokerToken | Refusal


@dataclass(frozen=True, slots=True)
class FoundAuthorization:
    """The row that a digest leads to, before its token, state and expiry are checked."""

    user_id: int
    username: str
    api_key_id: UUID
    scopes: list[str]
    order_mode: OrderMode
    expires_at: datetime | None
    fingerprint: bytes = field(repr=False)
    is_revoked: bool
    is_expired: bool
    is_disabled: bool
    trading_mode: _Mode | None
    broker: str | None
    client_id: str | None
    access_token: bytes | None = field(repr=False)
    refresh_token: bytes | None = field(repr=False)
    feed_token: bytes | None = field(repr=False)
    parameters: bytes | None = field(repr=False)
    login_updated_at: datetime | None
    login_expires_at: datetime | None
    is_login_revoked: bool
    is_login_expired: bool

    @property
    def row(self) -> Row:
        """The primary key of the API key."""
        return self.user_id, self.api_key_id

    @property
    def login(self) -> FoundToken | None:
        """The user's current login as it is stored; None: the user never had any."""
        if self.broker is None or self.login_updated_at is None:
            return None
        return FoundToken(
            self.user_id,
            self.broker,
            self.client_id,
            self.access_token,
            self.refresh_token,
            self.feed_token,
            self.parameters,
            self.login_updated_at,
            self.login_expires_at,
            self.is_login_revoked,
            self.is_login_expired,
            self.is_disabled,
        )


@query
def _find_by_digest(
    token_digest: bytes, user_id: int | None = None, others: list[bytes] | None = None
) -> FoundAuthorization | None: ...


query.complete()


@operation
async def authorize(db: AsyncExecutor, token: Secret) -> Authorization | Refusal:
    """Verify the token of an API key, and read all that decides about an order.

    One round trip; none if the token is malformed. Wrong keys count towards a ban with
    ``trackers.track_bad_key``, uses are noted by ``key_uses``.

    Returns:
        What the key leads to, or why it is refused: UNKNOWN, REVOKED, EXPIRED, or INACTIVE (the
        user is disabled). An accepted key does not say that there is a login at a broker: look at
        ``broker_token``.

    Raises:
        NoRowError: the trading mode is missing.
        UnavailableError: the database did not answer.
        SealError: a stored token of the broker was tampered with.
        KeyRingError: the key ring lacks a key that the database needs.
    """
    found = usable(await proof.find_by_token(db, TOKEN, token, _find_by_digest))
    if isinstance(found, Refusal):
        return found
    if found.trading_mode is None:
        raise NoRowError("authorization.authorize: the row of the trading mode is missing")
    return Authorization(
        found.user_id,
        found.username,
        found.api_key_id,
        found.scopes,
        found.order_mode,
        found.expires_at,
        found.trading_mode,
        await broker_tokens.opened(db, found.login),
    )
