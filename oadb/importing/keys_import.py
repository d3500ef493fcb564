"""Imports API keys and broker tokens, which keep working, and follows what changes in them."""

import json
from contextlib import suppress
from dataclasses import dataclass

from oadb.accounts import api_keys, broker_tokens, sealed_passwords
from oadb.accounts.api_keys import OrderMode
from oadb.accounts.broker_tokens import BrokerToken, Tokens
from oadb.engine.executors import Executor
from oadb.errors import ParameterError, RowError
from oadb.importing import takeover, updating
from oadb.importing.ciphers import is_cipher
from oadb.importing.columns import created, flag, optional_text, text
from oadb.importing.comparing import Counterpart, State
from oadb.importing.openalgo_tables import Row
from oadb.importing.owners_import import LONGEST, Owners
from oadb.importing.reports import TableReport
from oadb.security.passwords import peppered
from oadb.security.refusals import Refusal
from oadb.security.secret import Secret

_PARAMETERS = ("primary_ip", "secondary_ip", "ip_updated_at")

# Older versions have no modes: all are auto. With an unknown mode, a person approves each order.
_ORDER_MODES: dict[str, OrderMode] = {"auto": "auto", "semi_auto": "semi_auto"}


@dataclass(frozen=True, slots=True)
class ApiKeys:
    """The API keys of an installation."""

    owners: Owners
    identity = "user_id"

    def read(self, row: Row) -> State:
        """Return the key, which is checked, and its mode."""
        return {
            "user_id": str(self.owners.owner(row, "user_id")),
            "api_key": self._api_key(row).reveal(),
            "order_mode": _mode(row) or "semi_auto",
        }

    def create(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Take over an API key; False if oadb has it, even if revoked since."""
        mode = _mode(row)
        taken = takeover.adopt_key(
            tx,
            self.owners.owner(row, "user_id"),
            self.owners.id("api_keys", row),
            "OpenAlgo",
            self._api_key(row),
            order_mode=mode or "semi_auto",
            created_at=created(row),
        )
        if taken and mode is None:
            report.note(row.get("id"), "its order_mode is unknown, and becomes semi_auto")
        return taken

    def find(self, tx: Executor, row: Row, there: State, _target: str | None) -> Counterpart | None:
        """Return the key that a row became, also one that is revoked."""
        place = int(there["user_id"]), self.owners.id("api_keys", row)
        key = api_keys.get(tx, *place)
        if key is None:
            return None
        values = {"user_id": there["user_id"]}
        if key.revoked_at is None:
            values["order_mode"] = str(key.order_mode)
            kept = api_keys.open_kept(tx, *place)
            values |= {} if kept is None else {"api_key": kept.reveal()}
        return Counterpart("", values)

    def follow(
        self, tx: Executor, row: Row, there: State, _here: Counterpart, names: frozenset[str]
    ) -> str:
        """Take the mode, and then the key: a key is never valid in the mode of another one."""
        place = int(there["user_id"]), self.owners.id("api_keys", row)
        if "order_mode" in names and not api_keys.set_order_mode(
            tx, *place, _ORDER_MODES[there["order_mode"]]
        ):
            raise RowError("it is revoked in oadb; issue a new one there")
        if "api_key" in names:
            updating.replace_key(tx, *place, Secret(there["api_key"]))
        return ""

    def _api_key(self, row: Row) -> Secret:
        """Return a key, encrypted or in plain text, if it matches the hash that OpenAlgo checks."""
        given = text(row, "api_key_encrypted", LONGEST)
        key = self.owners.decrypted(row, "api_key_encrypted") if is_cipher(given) else Secret(given)
        with suppress(ParameterError):  # an invalid hash matches no key
            known = peppered(Secret(text(row, "api_key_hash")), self.owners.ciphers.pepper)
            if sealed_passwords.passwords.verify(known, key):
                return key
        raise RowError("api_key_encrypted does not hold the key of api_key_hash")


def _mode(row: Row) -> OrderMode | None:
    return _ORDER_MODES.get(str(row.get("order_mode", "auto")))


@dataclass(frozen=True, slots=True)
class BrokerLogins:
    """The broker tokens of an installation: of each user those of one broker."""

    owners: Owners
    identity = "name"

    def read(self, row: Row) -> State:
        """Return what was given by the broker; nothing of a login that cannot be used."""
        owner = {"name": str(self.owners.owner(row, "name"))}
        return owner if _unusable(row) else {**owner, "auth": _written(*self._login(row))}

    def create(self, tx: Executor, row: Row, _report: TableReport) -> bool:
        """Take over the tokens of a broker; False if oadb has tokens of this broker already."""
        reason, user_id = _unusable(row), self.owners.owner(row, "name")
        if reason is not None:
            has_other = broker_tokens.open_current(tx, user_id)
            raise RowError(f"{reason}; oadb has tokens of this user" if has_other else reason)
        broker, tokens, client_id = self._login(row)
        return takeover.adopt_tokens(tx, user_id, broker, tokens, client_id=client_id)

    def find(self, tx: Executor, row: Row, there: State, target: str | None) -> Counterpart | None:
        """Return the login that a row became; nothing of one that is revoked."""
        broker = target or optional_text(row, "broker") or ""
        found = broker_tokens.open(tx, int(there["name"]), broker)
        if found is Refusal.UNKNOWN:
            return None
        values = {"name": there["name"]}
        if isinstance(found, BrokerToken):
            values["auth"] = _written(broker, found.tokens, found.client_id)
        return Counterpart(broker, values)

    def follow(
        self, tx: Executor, row: Row, there: State, here: Counterpart, _names: frozenset[str]
    ) -> str:
        """Take the tokens, or revoke those of oadb; another broker replaces the one before."""
        user_id = int(there["name"])
        if "auth" not in there:
            broker_tokens.revoke(tx, user_id, here.target)
            return here.target
        broker, tokens, client_id = self._login(row)
        if broker != here.target:
            broker_tokens.revoke(tx, user_id, here.target)
        broker_tokens.put(tx, user_id, broker, tokens, client_id=client_id)
        return broker

    def _login(self, row: Row) -> tuple[str, Tokens, str | None]:
        tokens = Tokens(
            self.owners.decrypted(row, "auth"),
            feed=self._optional(row, "feed_token"),
            parameters=self._parameters(row),
        )
        return text(row, "broker"), tokens, optional_text(row, "user_id")

    def _parameters(self, row: Row) -> dict[str, Secret]:
        found = {name: optional_text(row, name) for name in _PARAMETERS}
        secret = self._optional(row, "secret_api_key")
        given = {name: Secret(value) for name, value in found.items() if value is not None}
        return given | ({} if secret is None else {"secret_api_key": secret})

    def _optional(self, row: Row, column: str) -> Secret | None:
        return None if optional_text(row, column) is None else self.owners.decrypted(row, column)


def _unusable(row: Row) -> str | None:
    """Return why a login cannot be used; None if it can."""
    access, broker = optional_text(row, "auth", LONGEST), optional_text(row, "broker")
    if access == "pending":
        return "it is a placeholder without a token"
    if access is None or broker is None or flag(row, "is_revoked"):
        return "it was revoked"
    if row.get("is_revoked") is None:
        return "it does not say whether it was revoked"
    return None


def _written(broker: str, tokens: Tokens, client_id: str | None) -> str:
    """Return everything that a broker gave as one text, which is equal for equal tokens."""
    given = {name: value.reveal() for name, value in sorted(tokens.parameters.items())}
    secrets = (tokens.access, tokens.refresh, tokens.feed)
    return json.dumps([broker, client_id, given, *(each and each.reveal() for each in secrets)])
