"""The mail account that messages are sent from; its password is sealed."""

from dataclasses import dataclass, field
from typing import Annotated

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.binding.values import UNSET, Rule, Unset
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret
from oadb.validation import owners

__all__ = ["SmtpAccount", "SmtpSettings", "get", "open", "update"]

query = queries(__name__)

_PASSWORD = SealedColumn("smtp_settings", "password")
_ROW = (1,)


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
) -> int: ...


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

    Returns:
        Whether any field changed; a given password always does.

    Raises:
        ParameterError: a text with a line break of any kind, which could inject a mail header.
        NoRowError: there is no user *by*.
        CheckViolation: a text not of 1 to 255 characters, a port not of 1 to 65535 (psycopg).
        KeyRingError: the key ring does not fit the database.
    """
    changed = await announcements.write(
        db,
        Change("smtp_settings", None, ""),
        _update,
        by=by,
        server=server,
        port=port,
        username=username,
        from_address=from_address,
        helo_name=helo_name,
        use_tls=use_tls,
        password=await _sealed(db, password) if isinstance(password, Secret) else password,
    )
    if not changed:
        await owners.require_actor(db, "smtp_settings.update", by)
    return changed > 0


@operation
async def open(db: AsyncExecutor) -> SmtpAccount:  # noqa: A001  # called as smtp_settings.open
    """Read the account with its password.

    Returns:
        The account; its password is None if none is stored.

    Raises:
        SealError: the stored password was altered.
        KeyRingError: the key ring does not fit the database.
    """
    found = await _get_sealed(db)
    password = None
    if found.password is not None:
        opened = _PASSWORD.open(await proof.ring_of(db), _ROW, found.password)
        password = Secret(opened.decode(errors="surrogatepass"))
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


async def _sealed(db: AsyncExecutor, password: Secret) -> bytes:
    ring = await proof.ring_of(db)
    return _PASSWORD.seal(ring, _ROW, password.reveal().encode(errors="surrogatepass"))
