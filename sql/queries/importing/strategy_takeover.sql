-- Strategies that are taken over from another system. Bound in
-- oadb/importing/strategy_takeover.py.

-- name: _adopt_strategy
-- Inserts nothing if the webhook exists, under any root key (:token_digests), or if a
-- strategy was taken over under this id. May violate strategies_user_id_fkey and the
-- checks. Served by strategies_token_digest_idx.
insert into oadb.strategies (
    user_id,
    strategy_id,
    name,
    platform,
    trading_mode,
    definition,
    is_active,
    is_intraday,
    start_time,
    end_time,
    squareoff_time,
    time_zone,
    webhook_hint,
    token_digest,
    fingerprint,
    created_at
)
select
    :user_id,
    :strategy_id,
    :name,
    :platform,
    :direction,
    '{}',
    :is_active,
    :is_intraday,
    :start_time,
    :end_time,
    :squareoff_time,
    :time_zone,
    :webhook_hint,
    :token_digest,
    :fingerprint,
    coalesce(:created_at, now())
where
    not exists (
        select 1 from oadb.strategies
        where strategies.token_digest = any(:token_digests)
    )
on conflict (user_id, strategy_id) do nothing;

-- name: _list_by_webhook
-- scope: all users (a webhook does not name its user)
-- primary: what an import has stored before
-- At most one. Served by strategies_token_digest_idx.
select strategy_id
from oadb.strategies
where token_digest = any(:token_digests)
order by strategy_id;

-- name: _find_webhook
-- The sealed SHA-256 of the webhook of a strategy. Served by strategies_pkey.
select
    strategies.fingerprint,
    strategies.webhook_revoked_at is not null as is_revoked
from oadb.strategies
where
    strategies.user_id = :user_id
    and strategies.strategy_id = :strategy_id;

-- name: _replace_webhook
-- The old webhook stops working with this statement. Replaces nothing if the new one leads to
-- another strategy, under any root key (:token_digests). Served by strategies_pkey and
-- strategies_token_digest_idx.
update oadb.strategies
set
    webhook_hint = :webhook_hint,
    token_digest = :token_digest,
    fingerprint = :fingerprint,
    webhook_revoked_at = null,
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id
    and not exists (
        select 1 from oadb.strategies as others
        where
            others.token_digest = any(:token_digests)
            and others.strategy_id <> :strategy_id
    );

-- name: _set_kind
-- Fields that are not given stay. May violate strategies_platform_check. Served by strategies_pkey.
update oadb.strategies
set
    platform = :platform,        --? platform
    trading_mode = :direction,   --? direction
    is_intraday = :is_intraday,  --? is_intraday
    updated_at = now()
where
    user_id = :user_id
    and strategy_id = :strategy_id;
