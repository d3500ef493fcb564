"""The verification of API keys that were accepted before: one lookup by primary key."""

from uuid import UUID

from oadb.accounts.api_key_rows import TOKEN, FoundKey, VerifiedKey
from oadb.engine.binding.queries import Query
from oadb.engine.executors import AsyncExecutor
from oadb.keys import proof
from oadb.security.opened_tokens import Opened
from oadb.security.refusals import Refusal, usable
from oadb.security.secret import Secret


async def verify(
    db: AsyncExecutor,
    token: Secret,
    by_digest: Query[[bytes, int | None, list[bytes] | None], FoundKey | None],
    by_fingerprint: Query[[int, UUID, bytes], VerifiedKey | None],
) -> VerifiedKey | Refusal:
    """Verify a token; by its primary key if this process has accepted it before.

    Args:
        by_digest: see ``proof.find_by_token``.
        by_fingerprint: returns the key of a row that still has this sealed fingerprint, if it may
            be used. What it does not find is looked up by its digest, which says why.

    Raises:
        KeyRingError: see ``proof.find_by_token``.
    """
    opened = db.vault.opened
    known = opened.find(token)
    if known is not None:
        key = await by_fingerprint(db, *known)
        if key is not None:
            return key
        opened.forget(token)
    found = usable(await proof.find_by_token(db, TOKEN, token, by_digest))
    if isinstance(found, Refusal):
        return found
    opened.remember(token, Opened(found.user_id, found.api_key_id, found.fingerprint))
    return found.accepted
