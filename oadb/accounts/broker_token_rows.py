"""Broker tokens as they are given, stored and read."""

from dataclasses import dataclass, field
from datetime import datetime

from oadb.engine.binding.values import ValueType, mismatch
from oadb.security.refusals import Accepted
from oadb.security.secret import Secret


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a broker. ``parameters`` has other secrets that it needs, by name."""

    access: Secret
    refresh: Secret | None = None
    feed: Secret | None = None
    parameters: dict[str, Secret] = field(default_factory=dict[str, Secret])

    def __post_init__(self) -> None:
        """Refuse values that are not Secrets.

        Raises:
            ParameterError: a value has another type; it is not shown.
        """
        given: list[tuple[str, object]] = [("access", self.access)]
        given += [("parameters", each) for each in self.parameters.values()]
        optional = (("refresh", self.refresh), ("feed", self.feed))
        for name, value in (*given, *(each for each in optional if each[1] is not None)):
            if not isinstance(value, Secret):
                raise mismatch("Tokens", name, ValueType(Secret), value)


@dataclass(frozen=True, slots=True)
class BrokerToken(Accepted):
    """The usable tokens of a user and broker."""

    user_id: int
    broker: str
    client_id: str | None
    tokens: Tokens
    updated_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class BrokerLogin:
    """A user's login at a broker, without its tokens; also one that is revoked or expired."""

    user_id: int
    broker: str
    client_id: str | None
    updated_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A row as stored, before its state is checked and its values are opened."""

    user_id: int
    broker: str
    client_id: str | None
    access_token: bytes | None = field(repr=False)
    refresh_token: bytes | None = field(repr=False)
    feed_token: bytes | None = field(repr=False)
    parameters: bytes | None = field(repr=False)
    updated_at: datetime
    expires_at: datetime | None
    is_revoked: bool
    is_expired: bool
    is_disabled: bool
