-- depends: 0055_note_swept_expires_at
-- Broker tokens that may be used, in each order in which they are listed. All that have expired are
-- in these indexes until oadb maintain has looked at them.
--
-- Lock: who stores a broker token waits while three indexes are built, seconds for a million; then
-- access exclusive on oadb.broker_tokens, for a moment.
-- Deploy: with the code that lists them by these indexes.

-- A token is stored once a day.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

set local lock_timeout = '4s';

create index broker_tokens_created_at_idx
on oadb.broker_tokens (created_at, user_id, broker)
where revoked_at is null and coalesce(swept_expires_at <> expires_at, true);

create index broker_tokens_updated_at_idx
on oadb.broker_tokens (updated_at, user_id, broker)
where revoked_at is null and coalesce(swept_expires_at <> expires_at, true);

create index broker_tokens_expiring_idx
on oadb.broker_tokens (expires_at, user_id, broker)
where revoked_at is null and coalesce(swept_expires_at <> expires_at, true);

drop index oadb.broker_tokens_expires_at_idx;
