"""Users of OpenAlgo, their second factors, API keys and broker tokens.

Everything goes on working: the password, which is hashed anew at the next sign-in, the codes of a
generator, an API key, a broker's token. A user is brought over once; one who is here is left as is.
"""

from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from oadb.accounts import users
from oadb.accounts.api_keys import OrderMode
from oadb.accounts.broker_tokens import Tokens
from oadb.accounts.users import User
from oadb.engine.executors import Executor
from oadb.errors import ConfigError, ParameterError, RowError
from oadb.importing import takeover
from oadb.importing.ciphers import PEPPER, VARIABLES, Ciphers, Use, is_cipher
from oadb.importing.columns import created, flag, optional_text, text, whole
from oadb.importing.reports import TableReport
from oadb.importing.sources import Row, Sources
from oadb.security.passwords import peppered
from oadb.security.secret import Secret

# Of the ids that are made of the ids there.
_NAMESPACE = UUID("6f5b6c5e-9d0c-4f43-9a5e-5d1f1a1f0a2e")

_LONGEST = 100_000
"""Characters of a cipher; the tokens of brokers have a few thousand."""

_CIPHERS: dict[str, tuple[Use, tuple[str, ...]]] = {
    "users": ("auth", ("totp_secret",)),
    "api_keys": ("auth", ("api_key_encrypted",)),
    "auth": ("auth", ("auth", "feed_token", "secret_api_key")),
    "settings": ("smtp", ("smtp_password_encrypted",)),
}

_PARAMETERS = ("primary_ip", "secondary_ip", "ip_updated_at")

# Before there were modes, all were auto. What is none of these has a person approve each order.
_ORDER_MODES: dict[str, OrderMode] = {"auto": "auto", "semi_auto": "semi_auto"}


def prove_pepper(sources: Sources, ciphers: Ciphers) -> bool:
    """Say whether a cipher proves the pepper; where there is none, nothing does.

    Raises ConfigError, naming the variables, if most of the ciphers cannot be opened.
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
            f"{names} is not the one they were encrypted with; nothing was written"
        )
    return opened[True] > 0


@dataclass(slots=True)
class Users:
    """Brings users over, and then what is theirs."""

    installation: str
    ciphers: Ciphers
    is_pepper_proven: bool
    _ids: dict[object, int | None] = field(default_factory=dict[object, int | None])
    """Of every user there, by the very name; None: who was left out."""

    @property
    def only_user(self) -> int | None:
        """The id here of the installation's user, if there is one alone, and that one is here."""
        ids = [*self._ids.values()]
        return ids[0] if len(ids) == 1 else None

    def find(self, name: object) -> int | None:
        """Return the id here of who has a name there; None: nobody, or somebody who was left out.

        Two names there may differ in case alone. One that nobody has is that of the only user who
        has it in another case.
        """
        if name in self._ids:
            return self._ids[name]
        key = str(name).lower()
        alike = [user_id for each, user_id in self._ids.items() if str(each).lower() == key]
        return alike[0] if len(alike) == 1 else None

    def bring_user(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Create a user with password and second factor; False if there is one already."""
        name = row.get("username")
        self._ids[name] = None
        username, email = text(row, "username"), text(row, "email")
        known, of_address = users.find_by_username(tx, username), users.find_by_email(tx, email)
        if known != of_address or (known and known.user_id in self._ids.values()):
            raise RowError("its name or its address is that of another user here")
        if known is not None:
            self._ids[name] = known.user_id
            return False
        user = users.create(tx, username, email, is_admin=flag(row, "is_admin"))
        self._secure(tx, user, row, report)
        self._ids[name] = user.user_id
        return True

    def _secure(self, tx: Executor, user: User, row: Row, report: TableReport) -> None:
        """Give a new user password and second factor; never one without the other."""
        has_factor = flag(row, "totp_enabled")
        try:
            self._bring_factor(tx, user.user_id, row, is_confirmed=has_factor)
        except (RowError, ParameterError):
            report.note(
                row.get("id"), "its second factor cannot be opened, and is to be enrolled anew"
            )
            if has_factor:
                report.note(row.get("id"), "and so has no password: set one, or nobody can sign in")
                return
        try:
            known = Secret(text(row, "password_hash"))
            takeover.adopt_password(tx, user.user_id, known, self.ciphers.pepper)
        except (RowError, ParameterError):
            report.note(row.get("id"), "its password is no Argon2 hash: set a new one")
        else:
            if not self.is_pepper_proven:
                report.note(
                    row.get("id"), f"nothing proves that {PEPPER} is the one of its password"
                )

    def _bring_factor(self, tx: Executor, user_id: int, row: Row, *, is_confirmed: bool) -> None:
        given = optional_text(row, "totp_secret", _LONGEST)
        if given is None and not is_confirmed:
            return
        secret = self._opened(row, "totp_secret") if is_cipher(given or "") else Secret(given or "")
        takeover.adopt_second_factor(
            tx, user_id, Secret(secret.reveal().upper().rstrip("=")), is_confirmed=is_confirmed,
            for_login=is_confirmed and flag(row, "totp_required_for_login"),
            for_mcp=is_confirmed and flag(row, "totp_required_for_mcp"),
            for_password_reset=is_confirmed and flag(row, "totp_required_for_password_reset"),
        )  # fmt: skip

    def bring_api_key(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Take over an API key; False if it is here already, also if it was revoked since."""
        mode = _ORDER_MODES.get(str(row.get("order_mode", "auto")))
        taken = takeover.adopt_key(
            tx, self.owner(row, "user_id"), self.id("api_keys", row), "OpenAlgo",
            self._api_key(row), order_mode=mode or "semi_auto", created_at=created(row),
        )  # fmt: skip
        if taken and mode is None:
            report.note(row.get("id"), "its order_mode is none, and taken as semi_auto")
        return taken

    def _api_key(self, row: Row) -> Secret:
        """Return a key, encrypted or in clear; its hash confirms it, by which OpenAlgo goes."""
        given = text(row, "api_key_encrypted", _LONGEST)
        key = self._opened(row, "api_key_encrypted") if is_cipher(given) else Secret(given)
        with suppress(ParameterError):  # what is no hash is that of no key
            known = peppered(Secret(text(row, "api_key_hash")), self.ciphers.pepper)
            if users.passwords.verify(known, key):
                return key
        raise RowError("api_key_encrypted does not hold the key of api_key_hash")

    def bring_broker_token(self, tx: Executor, row: Row, _report: TableReport) -> bool:
        """Take over what a broker gave; False if there is something of this broker already."""
        access, broker = optional_text(row, "auth", _LONGEST), optional_text(row, "broker")
        if access == "pending":
            raise RowError("it is a placeholder without a token")
        if access is None or broker is None or flag(row, "is_revoked"):
            raise RowError("it was revoked")
        if row.get("is_revoked") is None:
            raise RowError("whether it was revoked is not said")
        user_id = self.owner(row, "name")
        tokens = Tokens(
            self._opened(row, "auth"), feed=self._optional(row, "feed_token"),
            parameters=self._parameters(row),
        )  # fmt: skip
        client_id = optional_text(row, "user_id")
        return takeover.adopt_tokens(tx, user_id, broker, tokens, client_id=client_id)

    def _parameters(self, row: Row) -> dict[str, Secret]:
        found = {name: optional_text(row, name) for name in _PARAMETERS}
        secret = self._optional(row, "secret_api_key")
        given = {name: Secret(value) for name, value in found.items() if value is not None}
        return given | ({} if secret is None else {"secret_api_key": secret})

    def _optional(self, row: Row, column: str) -> Secret | None:
        return None if optional_text(row, column) is None else self._opened(row, column)

    def _opened(self, row: Row, column: str) -> Secret:
        """Decrypt a column. Raises RowError, also for what was never encrypted."""
        found = self.ciphers.open("auth", text(row, column, _LONGEST))
        if found is None:
            raise RowError(f"{column} cannot be decrypted")
        if is_cipher(found.reveal()):
            raise RowError(f"{column} was encrypted twice, as by a rotation that failed")
        return found

    def owner(self, row: Row, column: str) -> int:
        """Return the id here of a user whose name is in a column. Raises RowError."""
        text(row, column)
        user_id = self.find(row.get(column))
        if user_id is None:
            raise RowError("its user was not brought over")
        return user_id

    def id(self, table: str, row: Row) -> UUID:
        """Return the id here of a row of a table, the same in each run."""
        return uuid5(_NAMESPACE, f"{self.installation}/{table}/{whole(row, 'id')}")
