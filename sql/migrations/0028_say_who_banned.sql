-- depends: 0027_ask_for_codes
-- What banned a network (a person, a tracker, an import), and which user: created_by was a text for
-- both.
--
-- Lock: access exclusive on oadb.ip_bans, while its rows are written again: a second for 100,000.
-- Deploy: before the code that reads the new columns. Processes of the code before it go on:
-- created_by stays, with a default for the new code, which does not write it.

-- A table of bans is a small one, and each row passes the checks.
-- squawk-ignore-file constraint-missing-not-valid

set local lock_timeout = '4s';

alter table oadb.ip_bans
alter column created_by set default 'system',
add column source text not null default 'person',
add column banned_by bigint;

-- These reasons are those of trackers and of imports; a name may be that of a user.
update oadb.ip_bans
set
    source = case
        when created_by <> 'system' then 'person'
        when reason ~ '^[0-9]+ requests (that were not found|with a wrong API key)$' then 'tracker'
        when reason = 'banned by OpenAlgo' then 'import'
        else 'person'
    end,
    banned_by = (
        select users.user_id
        from oadb.users
        where
            lower(users.username) = lower(ip_bans.created_by)
            and ip_bans.created_by <> 'system'
    );

alter table oadb.ip_bans
add constraint ip_bans_source_check check (source in ('person', 'tracker', 'import')),
add constraint ip_bans_banned_by_check check (banned_by is null or source = 'person');

comment on column oadb.ip_bans.created_by is 'Not written any more; see source and banned_by.';
comment on column oadb.ip_bans.source is
'Person: somebody banned it. Tracker: its requests did. Import: it was banned in OpenAlgo.';
comment on column oadb.ip_bans.banned_by is
'A user, if a person banned it; null: nobody was signed in. No foreign key: what was done outlives '
'who did it, and ids are not used again.';

create or replace view oadb.active_ip_bans as
select
    ip_bans.network,
    ip_bans.reason,
    ip_bans.offences,
    ip_bans.banned_at,
    ip_bans.expires_at,
    ip_bans.created_by,
    ip_bans.source,
    ip_bans.banned_by
from oadb.ip_bans
where
    (ip_bans.expires_at > now() or ip_bans.expires_at is null)
    and not exists (
        select from oadb.ban_exemptions
        where ban_exemptions.network && ip_bans.network
    );
