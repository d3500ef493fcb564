"""Imports users with their passwords, second factors, API keys and broker tokens.

All of them keep working; a password is hashed again at the next sign-in. A user who is already in
oadb stays as is.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from oadb.accounts import sealed_passwords, users
from oadb.accounts.api_keys import OrderMode
from oadb.accounts.broker_tokens import Tokens
from oadb.accounts.users import User
from oadb.engine.executors import Executor
from oadb.errors import ConfigError, ParameterError, RowError
from oadb.importing import takeover
from oadb.importing.ciphers import PEPPER, VARIABLES, Ciphers, Use, is_cipher
from oadb.importing.columns import created, flag, optional_text, text, whole
from oadb.importing.openalgo_tables import Row
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources
from oadb.security.passwords import peppered
from oadb.security.secret import Secret

# Namespace of the UUIDs that are derived from ids of OpenAlgo.
_NAMESPACE = UUID("6f5b6c5e-9d0c-4f43-9a5e-5d1f1a1f0a2e")

_LONGEST = 100_000
"""Most characters of an encrypted value; tokens of brokers have a few thousand."""

_CIPHERS: dict[str, tuple[Use, tuple[str, ...]]] = {
    "users": ("auth", ("totp_secret",)),
    "api_keys": ("auth", ("api_key_encrypted",)),
    "auth": ("auth", ("auth", "feed_token", "secret_api_key")),
    "settings": ("smtp", ("smtp_password_encrypted",)),
}

_PARAMETERS = ("primary_ip", "secondary_ip", "ip_updated_at")

# Older versions have no modes: all are auto. With an unknown mode, a person approves each order.
_ORDER_MODES: dict[str, OrderMode] = {"auto": "auto", "semi_auto": "semi_auto"}


def prove_pepper(sources: Sources, ciphers: Ciphers) -> bool:
    """Check the pepper by decrypting every secret.

    Returns:
        Whether a secret could be decrypted; without any secret, nothing proves the pepper.

    Raises:
        ConfigError: most secrets cannot be decrypted; the text names the variables.
    """
    opened = dict[bool, int].fromkeys((True, False), 0)
    uses = set[Use]()
    for table, (use, columns) in _CIPHERS.items():
        for row in sources.rows(table):
            for value in map(row.get, columns):
                if isinstance(value, str) and is_cipher(value):
                    opened[ciphers.open(use, value) is not None] += 1
                    uses.add(use)
    if opened[False] > opened[True]:
        names = " or ".join(sorted({name for use in uses for name in VARIABLES[use]}))
        raise ConfigError(
            f"{opened[False]:,} of {sum(opened.values()):,} secrets cannot be decrypted: "
            f"{names} is not the one they were encrypted with. Nothing was written"
        )
    return opened[True] > 0


@dataclass(slots=True)
class Users:
    """Imports users, and then what belongs to them."""

    installation: str
    ciphers: Ciphers
    is_pepper_proven: bool
    _ids: dict[object, int | None] = field(default_factory=dict[object, int | None])
    """The user ids in oadb by the exact name in OpenAlgo; None: the user was left out."""

    @property
    def only_user(self) -> int | None:
        """The user id in oadb if the installation has exactly one user, who was imported."""
        ids = [*self._ids.values()]
        return ids[0] if len(ids) == 1 else None

    def find(self, name: object) -> int | None:
        """Return the user id in oadb for a name in OpenAlgo; None if unknown or left out.

        Names in OpenAlgo may differ only in case. Without an exact match, the name is that of the
        only user whose name differs only in case.
        """
        if name in self._ids:
            return self._ids[name]
        key = str(name).lower()
        alike = [user_id for each, user_id in self._ids.items() if str(each).lower() == key]
        return alike[0] if len(alike) == 1 else None

    def take_over_user(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Create a user with password and second factor; False if oadb has the user already."""
        name = row.get("username")
        self._ids[name] = None
        username, email = text(row, "username"), text(row, "email")
        known, by_email = users.find_by_username(tx, username), users.find_by_email(tx, email)
        if known != by_email or (known and known.user_id in self._ids.values()):
            raise RowError("its name or its address is that of another user in oadb")
        if known is not None:
            self._ids[name] = known.user_id
            return False
        user = users.create(tx, username, email, is_admin=flag(row, "is_admin"))
        self._add_credentials(tx, user, row, report)
        self._ids[name] = user.user_id
        return True

    def _add_credentials(self, tx: Executor, user: User, row: Row, report: TableReport) -> None:
        """Give a new user password and second factor; no password if the factor is lost."""
        has_factor = flag(row, "totp_enabled")
        try:
            self._add_factor(tx, user.user_id, row, is_confirmed=has_factor)
        except (RowError, ParameterError):
            report.note(row.get("id"), "its second factor cannot be decrypted: enroll it again")
            if has_factor:
                report.note(
                    row.get("id"), "and so it has no password: set one to let the user sign in"
                )
                return
        try:
            known = Secret(text(row, "password_hash"))
            takeover.adopt_password(tx, user.user_id, known, self.ciphers.pepper)
        except (RowError, ParameterError):
            report.note(row.get("id"), "its password is not an Argon2 hash: set a new one")
        else:
            if not self.is_pepper_proven:
                report.note(
                    row.get("id"), f"nothing proves that {PEPPER} is right for its password"
                )

    def _add_factor(self, tx: Executor, user_id: int, row: Row, *, is_confirmed: bool) -> None:
        given = optional_text(row, "totp_secret", _LONGEST)
        if given is None and not is_confirmed:
            return
        secret = (
            self._decrypted(row, "totp_secret") if is_cipher(given or "") else Secret(given or "")
        )
        takeover.adopt_second_factor(
            tx,
            user_id,
            Secret(secret.reveal().upper().rstrip("=")),
            is_confirmed=is_confirmed,
            for_login=is_confirmed and flag(row, "totp_required_for_login"),
            for_mcp=is_confirmed and flag(row, "totp_required_for_mcp"),
            for_password_reset=is_confirmed and flag(row, "totp_required_for_password_reset"),
        )

    def take_over_api_key(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Take over an API key; False if it was taken over before, even if revoked since."""
        mode = _ORDER_MODES.get(str(row.get("order_mode", "auto")))
        taken = takeover.adopt_key(
            tx,
            self.owner(row, "user_id"),
            self.id("api_keys", row),
            "OpenAlgo",
            self._api_key(row),
            order_mode=mode or "semi_auto",
            created_at=created(row),
        )
        if taken and mode is None:
            report.note(row.get("id"), "its order_mode is unknown, and becomes semi_auto")
        return taken

    def _api_key(self, row: Row) -> Secret:
        """Return a key, encrypted or in plain text, if it matches the hash that OpenAlgo checks."""
        given = text(row, "api_key_encrypted", _LONGEST)
        key = self._decrypted(row, "api_key_encrypted") if is_cipher(given) else Secret(given)
        with suppress(ParameterError):  # an invalid hash matches no key
            known = peppered(Secret(text(row, "api_key_hash")), self.ciphers.pepper)
            if sealed_passwords.passwords.verify(known, key):
                return key
        raise RowError("api_key_encrypted does not hold the key of api_key_hash")

    def take_over_broker_token(self, tx: Executor, row: Row, _report: TableReport) -> bool:
        """Take over the tokens of a broker; False if oadb has tokens of this broker already."""
        access, broker = optional_text(row, "auth", _LONGEST), optional_text(row, "broker")
        if access == "pending":
            raise RowError("it is a placeholder without a token")
        if access is None or broker is None or flag(row, "is_revoked"):
            raise RowError("it was revoked")
        if row.get("is_revoked") is None:
            raise RowError("it does not say whether it was revoked")
        user_id = self.owner(row, "name")
        tokens = Tokens(
            self._decrypted(row, "auth"),
            feed=self._optional(row, "feed_token"),
            parameters=self._parameters(row),
        )
        client_id = optional_text(row, "user_id")
        return takeover.adopt_tokens(tx, user_id, broker, tokens, client_id=client_id)

    def _parameters(self, row: Row) -> dict[str, Secret]:
        found = {name: optional_text(row, name) for name in _PARAMETERS}
        secret = self._optional(row, "secret_api_key")
        given = {name: Secret(value) for name, value in found.items() if value is not None}
        return given | ({} if secret is None else {"secret_api_key": secret})

    def _optional(self, row: Row, column: str) -> Secret | None:
        return None if optional_text(row, column) is None else self._decrypted(row, column)

    def _decrypted(self, row: Row, column: str) -> Secret:
        """Decrypt a column, which must be encrypted."""
        found = self.ciphers.open("auth", text(row, column, _LONGEST))
        if found is None:
            raise RowError(f"{column} cannot be decrypted")
        if is_cipher(found.reveal()):
            raise RowError(f"{column} was encrypted twice, as by a failed rotation")
        return found

    def owner(self, row: Row, column: str) -> int:
        """Return the user id in oadb of the user whose name is in a column.

        Raises:
            RowError: the name is missing, or its user was not imported.
        """
        text(row, column)
        user_id = self.find(row.get(column))
        if user_id is None:
            raise RowError("its user was not imported")
        return user_id

    def id(self, table: str, row: Row) -> UUID:
        """Return the id in oadb for a row of a table; it is the same in every run."""
        return uuid5(_NAMESPACE, f"{self.installation}/{table}/{whole(row, 'id')}")
