-- Webhooks: secrets that alerts carry to identify a strategy. Bound in oadb/trading/webhooks.py.

-- name: _replace
-- The old webhook stops working with this statement; a revoked one is replaced as well. Served by
-- strategies_pkey.
update oadb.strategies
set
    webhook_hint = :webhook_hint,
    token_digest = :token_digest,
    fingerprint = :fingerprint,
    webhook_revoked_at = null,
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id;

-- name: _revoke
-- A webhook that is already revoked keeps its time. Served by strategies_pkey.
update oadb.strategies
set
    webhook_revoked_at = now(),
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id
    and webhook_revoked_at is null;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a row that was changed in between is left alone. Served by strategies_pkey.
update oadb.strategies
set
    token_digest = resealed.token_digest,
    fingerprint = resealed.fingerprint
from
    unnest(
        :user_ids::bigint[],
        :strategy_ids::text[]::uuid[],
        :replaced::bytea[],
        :fingerprints::bytea[],
        :digests::bytea[]
    ) as resealed (user_id, strategy_id, replaced, fingerprint, token_digest)
where
    strategies.user_id = resealed.user_id
    and strategies.strategy_id = resealed.strategy_id
    and strategies.fingerprint = resealed.replaced;
