"""Imports users with their passwords and second factors, which keep working.

A password is hashed again at the next sign-in, which is not a change of it.
"""

from contextlib import suppress
from dataclasses import dataclass

from oadb.accounts import users
from oadb.accounts.users import User
from oadb.engine.binding.values import UNSET
from oadb.engine.executors import Executor
from oadb.errors import ParameterError, RowError
from oadb.importing import takeover, updating
from oadb.importing.ciphers import PEPPER, is_cipher
from oadb.importing.columns import flag, optional_text, text
from oadb.importing.comparing import Counterpart, State
from oadb.importing.openalgo_tables import Row
from oadb.importing.owners_import import LONGEST, Owners
from oadb.importing.reports import TableReport
from oadb.importing.updating import Credentials, Factor
from oadb.security.passwords import peppered
from oadb.security.secret import Secret

_FACTOR = frozenset(
    {
        "totp_secret",
        "totp_enabled",
        "totp_required_for_login",
        "totp_required_for_mcp",
        "totp_required_for_password_reset",
    }
)


_UNFIT = (
    "users_username_check refuses its name, which may have up to 80 letters, digits and . _ @ -: "
    "give it another one with --rename 'NAME=OTHER'"
)


@dataclass(slots=True)
class Users:
    """The users of an installation."""

    owners: Owners
    identity = "username"

    def read(self, row: Row) -> State:
        """Return name, address, rights, password and second factor."""
        name = row.get("username")
        self.owners.ids[name] = None
        values = {"username": text(row, "username"), "email": text(row, "email").lower()}
        values["is_admin"] = str(flag(row, "is_admin"))
        factor = self._factor(row)
        password = self._password(row, factor)
        if password is not None:
            values["password_hash"] = password.reveal()
        return {**values, **_values(factor)}

    def create(self, tx: Executor, row: Row, report: TableReport) -> bool:
        """Create a user with password and second factor; False if oadb has the user already."""
        name = row.get("username")
        username, email = text(row, "username"), text(row, "email")
        username = self.owners.renames.get(username, username)
        known, by_email = users.find_by_username(tx, username), users.find_by_email(tx, email)
        if known != by_email or (known and known.user_id in self.owners.ids.values()):
            raise RowError("its name or its address is that of another user in oadb")
        if known is not None:
            self.owners.ids[name] = known.user_id
            return False
        try:
            user = users.create(tx, username, email, is_admin=flag(row, "is_admin"))
        except ParameterError as error:
            if error.constraint != "users_username_check":
                raise
            raise RowError(_UNFIT) from None
        self._add_credentials(tx, user, row, report)
        self.owners.ids[name] = user.user_id
        return True

    def find(self, tx: Executor, row: Row, there: State, target: str | None) -> Counterpart | None:
        """Return the user that a row became, and note who that is for what belongs to the user."""
        name = row.get("username")
        user_id = self.owners.ids[name] if target is None else int(target)
        user = None if user_id is None else users.get(tx, user_id)
        if user is None:
            return None
        self.owners.ids[name] = user.user_id
        found = updating.get_credentials(tx, user.user_id)
        values = {"username": there["username"], "email": user.email.lower()}
        values["is_admin"] = str(user.is_admin)
        if found.password is not None:
            values["password_hash"] = self._shown(found, there)
        marks = {"password_hash": f"epoch {found.auth_epoch}"}
        return Counterpart(str(user.user_id), {**values, **_values(found.factor)}, marks)

    def follow(
        self, tx: Executor, row: Row, there: State, here: Counterpart, names: frozenset[str]
    ) -> str:
        """Take address, rights, password or second factor."""
        user_id = int(here.target)
        users.update(
            tx,
            user_id,
            email=text(row, "email") if "email" in names else UNSET,
            is_admin=flag(row, "is_admin") if "is_admin" in names else UNSET,
        )
        if "password_hash" in names:
            if "password_hash" not in there:
                raise RowError("its password cannot be taken over: set a new one")
            pepper = self.owners.ciphers.pepper
            updating.replace_password(tx, user_id, Secret(there["password_hash"]), pepper)
        if names & _FACTOR:
            factor = self._factor(row)
            if factor is None:
                raise RowError("its second factor cannot be decrypted: enroll it again")
            updating.replace_factor(tx, user_id, factor)
        return here.target

    def _shown(self, found: Credentials, there: State) -> str:
        """Return the hash in OpenAlgo if it is that of the password; another text if not."""
        with suppress(ParameterError):
            hashed = Secret(there.get("password_hash", ""))
            if peppered(hashed, self.owners.ciphers.pepper) == found.password:
                return hashed.reveal()
        return "of oadb"

    def _password(self, row: Row, factor: Factor | None) -> Secret | None:
        """Return the hash that is taken over; None if it cannot be, or the factor is lost."""
        known = optional_text(row, "password_hash")
        if known is None or (factor is None and flag(row, "totp_enabled")):
            return None
        with suppress(ParameterError):
            peppered(Secret(known), self.owners.ciphers.pepper)
            return Secret(known)
        return None

    def _add_credentials(self, tx: Executor, user: User, row: Row, report: TableReport) -> None:
        """Give a new user password and second factor; no password if the factor is lost."""
        factor = self._factor(row)
        if factor is not None:
            takeover.adopt_second_factor(tx, user.user_id, factor)
        elif row.get("totp_secret") or flag(row, "totp_enabled"):
            report.note(row.get("id"), "its second factor cannot be decrypted: enroll it again")
            if flag(row, "totp_enabled"):
                report.note(
                    row.get("id"), "and so it has no password: set one to let the user sign in"
                )
                return
        try:
            known = Secret(text(row, "password_hash"))
            takeover.adopt_password(tx, user.user_id, known, self.owners.ciphers.pepper)
        except (RowError, ParameterError):
            report.note(row.get("id"), "its password is not an Argon2 hash: set a new one")
        else:
            if not self.owners.is_pepper_proven:
                report.note(
                    row.get("id"), f"nothing proves that {PEPPER} is right for its password"
                )

    def _factor(self, row: Row) -> Factor | None:
        """Return the second factor; None if there is none, or it cannot be taken over."""
        is_confirmed = flag(row, "totp_enabled")
        try:
            given = optional_text(row, "totp_secret", LONGEST) or ""
            secret = (
                self.owners.decrypted(row, "totp_secret") if is_cipher(given) else Secret(given)
            )
            return takeover.factor_of(
                secret,
                is_confirmed=is_confirmed,
                for_login=flag(row, "totp_required_for_login"),
                for_mcp=flag(row, "totp_required_for_mcp"),
                for_password_reset=flag(row, "totp_required_for_password_reset"),
            )
        except RowError:
            return None


def _values(factor: Factor | None) -> State:
    """Return the fields of a second factor; none if there is none."""
    if factor is None:
        return {}
    return {
        "totp_secret": factor.secret.reveal(),
        "totp_enabled": str(factor.is_confirmed),
        "totp_required_for_login": str(factor.for_login),
        "totp_required_for_mcp": str(factor.for_mcp),
        "totp_required_for_password_reset": str(factor.for_password_reset),
    }
