-- depends: 0054_note_changes_of_bans
-- The expiry of a broker token that a sweep has seen pass: indexes can hold the others alone.
--
-- Lock: access exclusive on oadb.broker_tokens, for a moment.
-- Deploy: before the code that sweeps them.

set local lock_timeout = '4s';

alter table oadb.broker_tokens add column swept_expires_at timestamptz;

comment on column oadb.broker_tokens.swept_expires_at is
'The expires_at that a sweep has seen pass: while both are equal, the token is in no index of '
'those that may be used. Null: none.';

update oadb.role_privileges
set privileges = replace(privileges, 'revoked_at)', 'revoked_at, swept_expires_at)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'broker_tokens';

call oadb.renew_privileges();
