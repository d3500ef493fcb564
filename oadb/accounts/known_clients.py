"""Known clients: networks and devices from which a user signed in.

Failed sign-ins elsewhere do not slow a user there (see ``lockouts``). A network is known for 30
days after a sign-in. A device is known for 90 days, by a token that it keeps; the database has
only a keyed digest of it. Neither signs anybody in.
"""

from uuid import UUID

from oadb.accounts.due_rows import Swept, delete_due
from oadb.engine.binding.operations import operation
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.keys import proof
from oadb.security.keyring import KeyRing
from oadb.security.secret import Secret
from oadb.security.tokens import UnownedForm, sha256_of
from oadb.validation.argument_rules import Positive

__all__ = ["MOST_DEVICES", "delete_expired_devices", "delete_expired_networks", "forget"]

query = queries(__name__)

# Without the user id: a device is looked up among those of a user whose name is known.
TOKEN = UnownedForm("oad")

MOST_DEVICES = 10
"""Devices of a user that are known; those that signed in last."""


@query
def remember_network(user_id: int, network: str) -> None: ...


@query
def _renew_device(user_id: int, device_id: UUID, token_digest: bytes) -> None: ...


@query
def _add_device(user_id: int, token_digest: bytes, most: int = MOST_DEVICES) -> None: ...


@query
def _forget_networks(user_id: int) -> Affected: ...


@query
def _forget_devices(user_id: int) -> Affected: ...


@query
def _sweep_networks(batch: Positive) -> Swept: ...


@query
def _sweep_devices(batch: Positive) -> Swept: ...


query.complete()


@operation
async def delete_expired_networks(db: AsyncExecutor, *, batch: Positive = 1000) -> int:
    """Delete at most *batch* networks without a sign-in for 30 days.

    Returns:
        The number deleted.
    """
    return await delete_due(db, _sweep_networks, batch)


@operation
async def delete_expired_devices(db: AsyncExecutor, *, batch: Positive = 1000) -> int:
    """Delete at most *batch* devices without a sign-in for 90 days.

    Returns:
        The number deleted.
    """
    return await delete_due(db, _sweep_devices, batch)


@operation
@transacted
async def forget(tx: AsyncExecutor, user_id: int) -> int:
    """Forget the networks and devices of a user, as after a theft; their failures count as others'.

    Returns:
        The number of networks and devices that were known.
    """
    return await _forget_networks(tx, user_id) + await _forget_devices(tx, user_id)


def digests(ring: KeyRing, token: Secret | None) -> list[bytes]:
    """Return the digests under which a device may be stored; none for a malformed token."""
    if token is None or not TOKEN.is_wellformed(token):
        return []
    return TOKEN.digests(ring, sha256_of(token))


async def renew(db: AsyncExecutor, user_id: int, device_id: UUID, token: Secret) -> None:
    """Keep a known device for another 90 days."""
    await _renew_device(db, user_id, device_id, digests(await proof.ring_of(db), token)[0])


async def add(db: AsyncExecutor, user_id: int) -> Secret:
    """Make the device of a sign-in a known one, and return its token."""
    token = TOKEN.new()
    await _add_device(db, user_id, digests(await proof.ring_of(db), token)[0])
    return token
