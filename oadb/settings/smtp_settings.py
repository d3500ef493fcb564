"""The mail account that messages are sent from; its password is sealed."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Literal, cast, get_args

from oadb.changes import announcements
from oadb.changes.announcements import Change
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.errors import ParameterError
from oadb.keys import proof, rotation
from oadb.keys.rotation import SealedTable
from oadb.security.keyring import KeyRing
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret

query = queries(__name__)

_PASSWORD = SealedColumn("smtp_settings", "password")
_ROW = (1,)

Clearable = Literal["server", "port", "user_name", "from_address", "helo_name", "password"]


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """The account without its password, readable without a key ring; no server: no mail."""

    server: str | None
    port: int | None
    user_name: str | None
    from_address: str | None
    helo_name: str | None
    is_tls_used: bool
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
def get() -> SmtpSettings: ...


@query
def _get_sealed() -> SealedAccount: ...


@query
def _set_account(
    changed_by: int | None,
    cleared: list[str],
    server: str | None,
    port: int | None,
    user_name: str | None,
    from_address: str | None,
    helo_name: str | None,
    is_tls_used: bool | None,
    password: bytes | None,
) -> int: ...


@query
def _reseal(
    singleton_ids: list[int], replaced: list[bytes], passwords: list[bytes]
) -> Affected: ...


query.complete()

SEALED = SealedTable("smtp_settings", rotation.columns(_PASSWORD), _reseal)


@operation
@proof.seals
async def set_account(
    db: AsyncExecutor,
    *,
    changed_by: int | None,
    server: str | None = None,
    port: int | None = None,
    user_name: str | None = None,
    from_address: str | None = None,
    helo_name: str | None = None,
    is_tls_used: bool | None = None,
    password: Secret | None = None,
    cleared: tuple[Clearable, ...] = (),
) -> bool:
    """Change the given fields of the account, and announce it. None leaves a field as it is.

    Args:
        changed_by: the user who made the change, for the audit; None: nobody was signed in.
        cleared: fields to set to null.

    Returns:
        Whether any field changed.

    Raises:
        ParameterError: a field that cannot be cleared, or is both given and cleared, or a text
            with a line break of any kind, which could inject a mail header.
        CheckViolation: a text not of 1 to 255 characters, a port not of 1 to 65535 (psycopg).
        KeyRingError: the key ring does not fit the database.
    """
    texts = {
        "server": server,
        "user_name": user_name,
        "from_address": from_address,
        "helo_name": helo_name,
    }
    _require_lines(texts)
    _require_clearable(cleared, {**texts, "port": port, "password": password})
    sealed = None if password is None else _sealed(await proof.ring_of(db), password)
    changed = await announcements.write(
        db,
        Change("smtp_settings", None, ""),
        _set_account,
        changed_by,
        [*cleared],
        server,
        port,
        user_name,
        from_address,
        helo_name,
        is_tls_used,
        sealed,
    )
    return changed > 0


@operation
async def get_account(db: AsyncExecutor) -> SmtpAccount:
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
        found.user_name,
        found.from_address,
        found.helo_name,
        found.is_tls_used,
        found.has_password,
        password,
    )


def _require_lines(texts: dict[str, str | None]) -> None:
    for name, text in texts.items():
        if text and text.splitlines() != [text]:
            raise ParameterError(f"smtp_settings.set_account: {name} holds a line break")


def _require_clearable(cleared: object, given: dict[str, object]) -> None:
    names = [*cast("tuple[object, ...]", cleared)] if isinstance(cleared, Collection) else [cleared]
    for name in names:
        if name not in get_args(Clearable):
            raise ParameterError(
                "smtp_settings.set_account: cleared names a field that cannot be cleared"
            )
        if given[str(name)] is not None:
            raise ParameterError(f"smtp_settings.set_account: {name} is both given and cleared")


def _sealed(ring: KeyRing, password: Secret) -> bytes:
    return _PASSWORD.seal(ring, _ROW, password.reveal().encode(errors="surrogatepass"))
