"""The account that mail is sent from, its password sealed."""

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
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.security.sealing import SealedColumn
from oadb.security.secret import Secret

query = queries(__name__)

_PASSWORD = SealedColumn("smtp_settings", "password")
_ROW = (1,)

Clearable = Literal["server", "port", "user_name", "from_address", "helo_name", "password"]


@dataclass(frozen=True, slots=True)
class SmtpSettings:
    """What a page shows of the account, without a key ring; no server: no mail is sent."""

    server: str | None
    port: int | None
    user_name: str | None
    from_address: str | None
    helo_name: str | None
    is_tls_used: bool
    has_password: bool


@dataclass(frozen=True, slots=True)
class SmtpAccount(SmtpSettings):
    """What is needed to send mail."""

    password: Secret | None


@dataclass(frozen=True, slots=True)
class SealedAccount(SmtpSettings):
    """The account as it is stored."""

    password: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedPassword:
    """A password that is to be sealed again under another key."""

    singleton_id: int
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
def _list_under_key(key_id: int, after: int, batch: int) -> list[SealedPassword]: ...


@query
def _reseal(replaced: list[bytes], passwords: list[bytes]) -> Affected: ...


query.complete()


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
    """Change what is named, and nothing else, in every process that listens; False: it was so.

    What is in *cleared* is not set any more. *changed_by* is who did it, for the audit; None:
    nobody was signed in. Raises ParameterError for a field that cannot be cleared or is given as
    well, and for a text with a line break, of whatever kind: a header would go on behind it. Raises
    CheckViolation: texts have 1 to 255 characters, a port is from 1 to 65535.
    """
    texts = {
        "server": server, "user_name": user_name, "from_address": from_address,
        "helo_name": helo_name,
    }  # fmt: skip
    _require_lines(texts)
    _require_clearable(cleared, {**texts, "port": port, "password": password})
    sealed = None if password is None else _sealed(await proof.ring_of(db), password)
    changed = await announcements.write(
        db, Change("smtp_settings", None, ""), _set_account, changed_by, [*cleared], server, port,
        user_name, from_address, helo_name, is_tls_used, sealed,
    )  # fmt: skip
    return changed > 0


@operation
async def get_account(db: AsyncExecutor) -> SmtpAccount:
    """Return the account with its password. Raises SealError if that was tampered with."""
    found = await _get_sealed(db)
    password = None
    if found.password is not None:
        opened = _PASSWORD.open(await proof.ring_of(db), _ROW, found.password)
        password = Secret(opened.decode(errors="surrogatepass"))
    return SmtpAccount(
        found.server, found.port, found.user_name, found.from_address, found.helo_name,
        found.is_tls_used, found.has_password, password,
    )  # fmt: skip


@operation
async def rewrap(db: AsyncExecutor, key_id: int, batch: int, after: int = 0) -> proof.Batch:
    """Seal the password under the primary key, if it is under another one."""
    ring = await proof.ring_of(db)
    found = await _list_under_key(db, key_id, after, batch)
    made, done = proof.resealed(
        {(each.singleton_id,): each for each in found},
        lambda row, each: _PASSWORD.reseal(ring, row, each.password or b""),
    )
    await _reseal(db, [each.password or b"" for each, _ in made], [sealed for _, sealed in made])
    return done


def _require_lines(texts: dict[str, str | None]) -> None:
    for name, text in texts.items():
        if text and text.splitlines() != [text]:
            raise ParameterError(f"smtp_settings.set_account: {name} holds a line break")


def _require_clearable(cleared: object, given: dict[str, object]) -> None:
    names = [*cast("tuple[object, ...]", cleared)] if isinstance(cleared, Collection) else [cleared]
    for name in names:
        if name not in get_args(Clearable):
            raise ParameterError("smtp_settings.set_account: cleared names a field that cannot be")
        if given[str(name)] is not None:
            raise ParameterError(f"smtp_settings.set_account: {name} is both given and cleared")


def _sealed(ring: KeyRing, password: Secret) -> bytes:
    return _PASSWORD.seal(ring, _ROW, password.reveal().encode(errors="surrogatepass"))
