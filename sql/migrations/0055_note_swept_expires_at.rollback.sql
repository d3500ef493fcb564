-- Sweeps do not look at broker tokens.

set local lock_timeout = '4s';

alter table oadb.broker_tokens drop column swept_expires_at;

update oadb.role_privileges
set privileges = replace(privileges, 'revoked_at, swept_expires_at)', 'revoked_at)')
where
    role_name = 'oadb_ro'
    and schema_name = 'oadb'
    and table_name = 'broker_tokens';
