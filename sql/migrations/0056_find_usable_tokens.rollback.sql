-- Only the expiry of broker tokens is indexed.

-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion

set local lock_timeout = '4s';

create index broker_tokens_expires_at_idx on oadb.broker_tokens (expires_at);

drop index oadb.broker_tokens_created_at_idx;
drop index oadb.broker_tokens_updated_at_idx;
drop index oadb.broker_tokens_expiring_idx;
