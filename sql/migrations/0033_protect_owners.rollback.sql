set local lock_timeout = '4s';

delete from oadb.user_tables
where
    schema_name = 'oadb'
    and table_name in ('known_networks', 'known_devices');

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and table_name in ('known_networks', 'known_devices', 'networks_in_use');

update oadb.role_privileges
set
    privileges = 'select, delete,
    insert (username, user_id, ip, device, broker, method, outcome, reason)'
where
    role_name = 'oadb_app'
    and table_name = 'login_attempts';

drop view oadb.networks_in_use;
drop index oadb.sessions_network_idx;
drop index oadb.login_attempts_locked_key;

alter table oadb.login_attempts
drop column tries,
drop column last_at,
drop column locked_hour_at,
drop column locked_network,
drop column locked_account;

comment on table oadb.login_attempts is
'Audit: every sign-in that was tried. Rows are never changed.';

delete from oadb.lockouts
where kind in ('account_network', 'device');

alter table oadb.lockouts
drop constraint lockouts_kind_check,
add constraint lockouts_kind_check check (kind in ('account', 'network')),
drop constraint lockouts_subject_check,
add constraint lockouts_subject_check check (length(subject) between 1 and 508);

comment on table oadb.lockouts is
'Failed sign-ins in a row, by account name (also of nobody) and by network.';
comment on column oadb.lockouts.subject is
'A user name in lower case, or an IPv4 address, or the /64 of an IPv6 address.';
comment on column oadb.lockouts.failed_at is
'The last try; an account''s count begins again a quiet quarter of an hour later.';
comment on column oadb.lockouts.decayed_at is
'Until when a network''s failures are forgotten, one a minute; of no meaning for an account.';

drop table oadb.known_devices;
drop table oadb.known_networks;
drop function oadb.client_network(inet);

call oadb.renew_privileges();
