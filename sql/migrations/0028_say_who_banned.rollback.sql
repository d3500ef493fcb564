-- What banned a network and who is lost, except for bans from before the migration.

set local lock_timeout = '4s';

-- A view cannot lose columns; it is created again, with its privileges.
drop view oadb.active_ip_bans;

alter table oadb.ip_bans
drop column source,
drop column banned_by,
alter column created_by drop default;

comment on column oadb.ip_bans.created_by is null;

create view oadb.active_ip_bans as
select
    ip_bans.network,
    ip_bans.reason,
    ip_bans.offences,
    ip_bans.banned_at,
    ip_bans.expires_at,
    ip_bans.created_by
from oadb.ip_bans
where
    (ip_bans.expires_at > now() or ip_bans.expires_at is null)
    and not exists (
        select from oadb.ban_exemptions
        where ban_exemptions.network && ip_bans.network
    );

comment on view oadb.active_ip_bans is 'Who is kept out now.';

call oadb.renew_privileges();
