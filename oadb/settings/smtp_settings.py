"""The mail account that messages are sent from; its password is sealed.

With the password is sealed where it goes: server, port, user name, and whether TLS is used.
Otherwise a writer to the database, without the keys, could have it sent to a server of his own.
"""

import json
from dataclasses import dataclass, field
from typing import Annotated

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Rule, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.errors import ParameterError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret
from oadb.validation import owners

__all__ = ["SmtpAccount", "SmtpSettings", "get", "open", "update"]

query = queries(__name__)

_PASSWORD = SealedColumn("smtp_settings", "password")
_ROW = (1,)

# Begins what is sealed: no text in UTF-8 has this byte. The length of the target in four bytes,
# the target as JSON, and the password follow.
_BOUND = b"\xff"
_LENGTH_END = len(_BOUND) + 4


def _one_line(text: str) -> str:
    if text and text.splitlines() != [text]:
        raise ValueError("must be a single line")
    return text


_Line = Annotated[str, Rule("a single line", _one_line)]


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The account without its password, readable without a key ring; no server: no mail."""

    server: str | None
    port: int | None
    username: str | None
    from_address: str | None
    helo_name: str | None
    use_tls: bool
    has_password: bool


@dataclass(frozen=True, slots=True)
class SmtpAccount(SmtpSettings):
    """The account with its password."""

    password: Secret | None


@dataclass(frozen=True, slots=True)
class MailTarget:
    """Where a password goes."""

    server: str | None
    port: int | None
    username: str | None
    use_tls: bool


@dataclass(frozen=True, slots=True)
class GivenTarget:
    """Where a password shall go; what is UNSET stays."""

    server: str | Unset | None
    port: int | Unset | None
    username: str | Unset | None
    use_tls: bool | Unset

    def over(self, stored: MailTarget) -> MailTarget:
        return MailTarget(
            stored.server if isinstance(self.server, Unset) else self.server,
            stored.port if isinstance(self.port, Unset) else self.port,
            stored.username if isinstance(self.username, Unset) else self.username,
            stored.use_tls if isinstance(self.use_tls, Unset) else self.use_tls,
        )


@dataclass(frozen=True, slots=True)
class LockedTarget(MailTarget):
    """Where the stored password goes; nobody else changes it until the transaction ends."""

    has_password: bool


@dataclass(frozen=True, slots=True)
class SealedAccount(SmtpSettings):
    """The account as it is stored."""

    password: bytes | None = field(repr=False)


@query
def get() -> SmtpSettings:
    """Return the mail account without its password; no key ring is needed."""
    ...


@query
def _get_sealed() -> SealedAccount: ...


@query
def _lock() -> LockedTarget: ...


@query
def _update(
    *,
    by: int | None,
    server: str | Unset | None,
    port: int | Unset | None,
    username: str | Unset | None,
    from_address: str | Unset | None,
    helo_name: str | Unset | None,
    use_tls: bool | Unset,
    password: bytes | Unset | None,
) -> Affected: ...


@query
def _reseal(
    singleton_ids: list[int], replaced: list[bytes], passwords: list[bytes]
) -> Affected: ...


query.complete()

SEALED = SealedTable("smtp_settings", rotation.columns(_PASSWORD), _reseal)


@operation
@proof.seals
async def update(
    db: AsyncExecutor,
    *,
    by: int | None,
    server: _Line | Unset | None = UNSET,
    port: int | Unset | None = UNSET,
    username: _Line | Unset | None = UNSET,
    from_address: _Line | Unset | None = UNSET,
    helo_name: _Line | Unset | None = UNSET,
    use_tls: bool | Unset = UNSET,
    password: Secret | Unset | None = UNSET,
) -> bool:
    """Change the given fields of the account, and announce it; others stay. None clears a field.

    Args:
        by: the user who makes the change, for the audit; None: the platform.
        password: must be given again with another server, port, username or use_tls, to which it is
            bound; None clears it.

    Returns:
        Whether any field changed; a given password always does.

    Raises:
        ParameterError: a text with a line break of any kind, which could inject a mail header; or
            the stored password would go elsewhere; or a text not of 1 to 255 characters, a port not
            of 1 to 65535.
        NoRowError: there is no user *by*.
        KeyRingError: the key ring does not fit the database.
    """
    given = GivenTarget(server, port, username, use_tls)

    @transacted
    async def work(tx: AsyncExecutor) -> int:
        changed: int = await _update(
            tx,
            by=by,
            server=server,
            port=port,
            username=username,
            from_address=from_address,
            helo_name=helo_name,
            use_tls=use_tls,
            password=await _bound(tx, given, password, by=by),
        )
        await announcements.announce(tx, changed, Change("smtp_settings", None, ""))
        return changed

    changed = await work(db)
    if not changed:
        await owners.require_actor(db, "smtp_settings.update", by)
    return changed > 0


@operation
async def open(db: AsyncExecutor) -> SmtpAccount:  # noqa: A001  # called as smtp_settings.open
    """Read the account with its password.

    Returns:
        The account; its password is None if none is stored.

    Raises:
        SealError: the stored password was altered, or is bound to another server, port, username or
            use_tls than those that are stored.
        KeyRingError: the key ring does not fit the database.
    """
    found = await _get_sealed(db)
    password = None
    if found.password is not None:
        opened = _PASSWORD.open(await proof.ring_of(db), _ROW, found.password)
        password = _bound_password(_target(found), opened)
    return SmtpAccount(
        found.server,
        found.port,
        found.username,
        found.from_address,
        found.helo_name,
        found.use_tls,
        found.has_password,
        password,
    )


def _target(account: SmtpSettings | MailTarget) -> MailTarget:
    return MailTarget(account.server, account.port, account.username, account.use_tls)


def _written(target: MailTarget) -> bytes:
    fields = [target.server, target.port, target.username, target.use_tls]
    return json.dumps(fields).encode()


async def _bound(
    tx: AsyncExecutor, given: GivenTarget, password: Secret | Unset | None, *, by: int | None
) -> bytes | Unset | None:
    """Return a password sealed with where it will go; the row is locked from here on."""
    stored = await _lock(tx)
    target = given.over(stored)
    if isinstance(password, Secret):
        return await _sealed(tx, target, password)
    if isinstance(password, Unset) and stored.has_password and target != _target(stored):
        await owners.require_actor(tx, "smtp_settings.update", by)
        raise ParameterError(
            "smtp_settings.update: the password is bound to server, port, username and use_tls; "
            "give it with them, or None to clear it"
        )
    return password


async def _sealed(db: AsyncExecutor, target: MailTarget, password: Secret) -> bytes:
    ring, written = await proof.ring_of(db), _written(target)
    text = password.reveal().encode(errors="surrogatepass")
    return _PASSWORD.seal(ring, _ROW, _BOUND + len(written).to_bytes(4) + written + text)


def _bound_password(target: MailTarget, opened: bytes) -> Secret:
    written = _written(target)
    if not opened.startswith(_BOUND):
        raise _PASSWORD.refused(_ROW, "it is bound to no server: set it again")
    end = _LENGTH_END + int.from_bytes(opened[len(_BOUND) : _LENGTH_END])
    if opened[_LENGTH_END:end] != written:
        raise _PASSWORD.refused(_ROW, "the account was changed without it")
    return Secret(opened[end:].decode(errors="surrogatepass"))
