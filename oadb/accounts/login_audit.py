"""The audit of sign-ins, as it is written: one row for each attempt, or for those of a wait."""

from oadb.accounts import lockouts
from oadb.accounts.lockouts import Tries
from oadb.accounts.login_attempt_rows import AuditEntry, LoginClient, LoginMethod, LoginOutcome
from oadb.engine.binding.queries import queries
from oadb.engine.binding.results import Affected
from oadb.engine.executors import AsyncExecutor
from oadb.engine.repeating import transacted
from oadb.validation.argument_rules import Positive

query = queries(__name__)


@query
def _record(
    username: str,
    ip: str | None,
    device: str | None,
    broker: str | None,
    method: LoginMethod,
    outcome: LoginOutcome,
    reason: str | None = None,
) -> Affected: ...


@query
def _record_locked(
    username: str,
    ip: str | None,
    device: str | None,
    broker: str | None,
    *,
    locked_network: str,
    locked_account: str,
) -> Affected: ...


@query
def record_resumed(
    user_id: int, ip: str | None, device: str | None, broker: str | None
) -> Affected: ...


@query
def delete_expired(*, batch: Positive = 1000) -> Affected:
    """Delete at most *batch* clients that had to wait in an earlier hour; return how many."""
    ...


query.complete()


async def write(db: AsyncExecutor, client: LoginClient, audit: AuditEntry) -> None:
    """Write an attempt."""
    await _record(db, client.name, client.ip, client.device, client.broker, *audit)


async def write_locked(db: AsyncExecutor, client: LoginClient, tries: Tries) -> None:
    """Write an attempt of a client that has to wait, or count it in the row of this hour."""
    await _record_locked(
        db,
        client.name,
        client.ip,
        client.device,
        client.broker,
        locked_network=client.networks[-1],
        locked_account=client.name if tries.must_account_wait else "",
    )


@transacted
async def write_and_revert(
    tx: AsyncExecutor, client: LoginClient, tries: Tries, audit: AuditEntry
) -> None:
    """Write an attempt that does not count as a failure, and revert its count."""
    await write(tx, client, audit)
    if tries.tried_at is not None:
        await lockouts.revert_try(
            tx,
            tries.kinds,
            tries.subjects,
            tries.tried_at,
            is_signed_in=audit[1] == "succeeded",
        )
