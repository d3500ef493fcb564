-- Broker tokens: the credentials that brokers issue to act for a user. Bound in
-- oadb/accounts/broker_tokens.py.

-- name: _put
-- Inserts or replaces, and counts the row, only if something differs. :digests has the
-- digest of the content under each usable key, so that rotation does not count as a
-- change. May violate broker_tokens_user_id_fkey, broker_tokens_key_id_fkey and the checks.
insert into oadb.broker_tokens as known (
    user_id,
    broker,
    client_id,
    access_token,
    refresh_token,
    feed_token,
    parameters,
    content_digest,
    expires_at,
    updated_at
)
values (
    :user_id,
    :broker,
    :client_id,
    :access_token,
    :refresh_token,
    :feed_token,
    :parameters,
    :content_digest,
    :expires_at,
    now()
)
on conflict (user_id, broker) do update
    set
        client_id = excluded.client_id,
        access_token = excluded.access_token,
        refresh_token = excluded.refresh_token,
        feed_token = excluded.feed_token,
        parameters = excluded.parameters,
        content_digest = excluded.content_digest,
        expires_at = excluded.expires_at,
        revoked_at = null,
        updated_at = excluded.updated_at
    where
    known.content_digest is null
    or known.content_digest <> all(:digests)
    or known.client_id is distinct from excluded.client_id
    or known.expires_at is distinct from excluded.expires_at;

-- name: find_sealed
-- primary: whether a login at a broker is valid
-- Those of a broker; of any broker, the newest that can be used, or if none can, the newest. Each
-- change and the revocation make a row the newest; a put that changes nothing does not. Expiry is
-- by the database's clock. Served by broker_tokens_pkey and users_pkey.
select
    broker_tokens.user_id,
    broker_tokens.broker,
    broker_tokens.client_id,
    broker_tokens.access_token,
    broker_tokens.refresh_token,
    broker_tokens.feed_token,
    broker_tokens.parameters,
    broker_tokens.updated_at,
    broker_tokens.expires_at,
    broker_tokens.revoked_at is not null as is_revoked,
    coalesce(broker_tokens.expires_at <= now(), false) as is_expired,
    users.disabled_at is not null as is_disabled
from oadb.broker_tokens
inner join oadb.users on broker_tokens.user_id = users.user_id
where
    broker_tokens.user_id = :user_id
    and broker_tokens.broker = :broker  --? broker
order by
    broker_tokens.revoked_at is null
    and coalesce(broker_tokens.expires_at > now(), true) desc,
    broker_tokens.updated_at desc,
    broker_tokens.broker asc
limit 1;

-- name: list_by_user
-- In order of broker, including revoked and expired ones. Served by broker_tokens_pkey.
select
    user_id,
    broker,
    client_id,
    updated_at,
    expires_at,
    revoked_at
from oadb.broker_tokens
where user_id = :user_id
order by broker;

-- name: list_expiring
-- scope: all users (a service that renews tokens)
-- Those of enabled users that will expire within the next :within, soonest first. Served by
-- broker_tokens_expiring_idx and users_pkey.
-- grows: with the tokens that expire within :within, which are all returned.
select
    user_id,
    broker,
    client_id,
    updated_at,
    expires_at,
    revoked_at
from oadb.broker_tokens
where
    expires_at > now()
    and expires_at <= now() + cast(:within as interval)
    and revoked_at is null
    and coalesce(swept_expires_at <> expires_at, true)
    and exists (
        select 1 from oadb.users
        where
            users.user_id = broker_tokens.user_id
            and users.disabled_at is null
    )
    and expires_at >= :last_expires_at                                                   --? cursor
    and (expires_at, user_id, broker) > (:last_expires_at, :last_user_id, :last_broker)  --? cursor
order by
    expires_at,
    user_id,
    broker
limit :limit;

-- name: list_active
-- scope: all users (a background service that works for every login, or a broker's service)
-- Those that are neither revoked nor expired, nor of a disabled user; those that changed last come
-- first, or last. Passes over those that expired since the last sweep, and in the index over those
-- of other brokers. Served by broker_tokens_updated_at_idx and users_pkey.
-- grows: with the tokens of disabled users and of other brokers, which it passes over.
select
    user_id,
    broker,
    client_id,
    updated_at,
    expires_at,
    revoked_at
from oadb.broker_tokens
where
    revoked_at is null
    and broker = :broker  --? broker
    and coalesce(swept_expires_at <> expires_at, true)
    and coalesce(expires_at > now(), true)
    and exists (
        select 1 from oadb.users
        where
            users.user_id = broker_tokens.user_id
            and users.disabled_at is null
    )
    and (updated_at, user_id, broker)                       --? cursor
    < (:last_updated_at, :last_user_id, :last_broker)       --? cursor and oldest_first = false
    -- > (:last_updated_at, :last_user_id, :last_broker)    --? cursor and oldest_first = true
order by
    updated_at desc,     --? oldest_first = false
    user_id desc,        --? oldest_first = false
    broker desc          --? oldest_first = false
    -- updated_at asc,   --? oldest_first = true
    -- user_id asc,      --? oldest_first = true
    -- broker asc        --? oldest_first = true
limit :limit;

-- name: find_any_active
-- scope: all users (a background service that needs market data from any login)
-- primary: whether a login at a broker is valid
-- The oldest that is neither revoked nor expired, nor of a disabled user, so that the answer does
-- not change while it is valid. Passes over those that expired since the last sweep. Served by
-- broker_tokens_created_at_idx and users_pkey.
-- grows: with the tokens of disabled users, which it passes over.
select
    user_id,
    broker,
    client_id,
    updated_at,
    expires_at,
    revoked_at
from oadb.broker_tokens
where
    revoked_at is null
    and coalesce(swept_expires_at <> expires_at, true)
    and coalesce(expires_at > now(), true)
    and exists (
        select 1 from oadb.users
        where
            users.user_id = broker_tokens.user_id
            and users.disabled_at is null
    )
order by
    created_at,
    user_id,
    broker
limit 1;

-- name: retire_expired
-- lock timeout: 200 ms
-- scope: all users (background sweep)
-- Takes at most :batch expired tokens out of the indexes of those that may be used. A new expiry
-- puts a token back, also one that is given meanwhile. One sweep at a time, as in sessions.sql.
-- Served by claims_pkey, broker_tokens_expiring_idx and broker_tokens_pkey.
with expired as materialized (
    select
        broker_tokens.user_id,
        broker_tokens.broker
    from oadb.broker_tokens
    where
        broker_tokens.revoked_at is null
        and coalesce(broker_tokens.swept_expires_at <> broker_tokens.expires_at, true)
        and broker_tokens.expires_at <= now()
    order by broker_tokens.expires_at
    limit :batch
),

claim as materialized (
    select claims.subject
    from oadb.claims
    where
        claims.subject = 'broker_tokens'
        and exists (select 1 from expired)
    for update skip locked
)

update oadb.broker_tokens
set swept_expires_at = broker_tokens.expires_at
from expired
where
    broker_tokens.user_id = expired.user_id
    and broker_tokens.broker = expired.broker
    and broker_tokens.expires_at <= now()
    and exists (select 1 from claim);

-- name: _revoke
-- Deletes the tokens. A row that is already revoked keeps its time. Served by broker_tokens_pkey.
update oadb.broker_tokens
set
    access_token = null,
    refresh_token = null,
    feed_token = null,
    parameters = null,
    content_digest = null,
    revoked_at = now(),
    updated_at = now()
where
    user_id = :user_id
    and broker = :broker
    and revoked_at is null;

-- name: _reseal
-- scope: all users (key rotation)
-- Compare and swap: a row that was changed or revoked meanwhile is left alone. Every put
-- seals all columns again, so comparing one of them is enough. An empty value stands for
-- null. Served by broker_tokens_pkey.
update oadb.broker_tokens
set
    access_token = resealed.access_token,
    refresh_token = nullif(resealed.refresh_token, ''),
    feed_token = nullif(resealed.feed_token, ''),
    parameters = nullif(resealed.parameters, ''),
    content_digest = resealed.content_digest
from
    unnest(
        :user_ids::bigint[],
        :brokers::text[],
        :replaced::bytea[],
        :access_tokens::bytea[],
        :refresh_tokens::bytea[],
        :feed_tokens::bytea[],
        :parameters::bytea[],
        :digests::bytea[]
    ) as resealed (
        user_id,
        broker,
        replaced,
        access_token,
        refresh_token,
        feed_token,
        parameters,
        content_digest
    )
where
    broker_tokens.user_id = resealed.user_id
    and broker_tokens.broker = resealed.broker
    and broker_tokens.access_token = resealed.replaced;
