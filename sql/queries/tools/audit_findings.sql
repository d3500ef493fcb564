-- Whether the audit of security events stands. Bound in oadb/tools/audit_findings.py.

-- name: _list_recorded_kinds
-- The kinds of events that enabled triggers write. The first argument of a trigger ends at a zero
-- byte.
select distinct split_part(encode(triggers.tgargs, 'escape'), '\000', 1) as kind
from pg_catalog.pg_trigger as triggers
where
    triggers.tgfoid = pg_catalog.to_regproc('oadb.record_security_event')
    and triggers.tgenabled in ('O', 'A')
order by kind;

-- name: _count_guards
-- The enabled triggers that refuse changes: two on each of the two tables.
select count(*) as guards
from pg_catalog.pg_trigger as triggers
where
    triggers.tgfoid = pg_catalog.to_regproc('oadb.keep_security_events')
    and triggers.tgenabled in ('O', 'A');

-- name: _list_writers
-- Roles other than the owner of the table that may do more with the audit than read it.
select
    class.relname::text as table_name,
    coalesce(grantee.rolname::text, 'public') as role_name,
    string_agg(distinct lower(acl.privilege_type), ', ') as privileges
from pg_catalog.pg_class as class
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
cross join
    lateral pg_catalog.aclexplode(class.relacl || attribute.attacl) as acl
left join pg_catalog.pg_roles as grantee on acl.grantee = grantee.oid
where
    class.oid in ('oadb.security_events'::regclass, 'oadb.security_event_links'::regclass)
    and acl.grantee <> class.relowner
    and acl.privilege_type <> 'SELECT'
group by
    class.relname,
    grantee.rolname
order by
    table_name,
    role_name;

-- name: _find_lag
-- scope: all users (the chain)
-- The first event that happened after the newest linked one and over a day ago; null if there is
-- none. Served by security_events_happened_at_idx and security_events_pkey.
-- grows: with the events after the newest link, of which there are few.
select min(events.happened_at) as happened_at
from oadb.security_events as events
where
    events.happened_at < now() - interval '1 day'
    and events.happened_at > coalesce(
        (
            select newest.happened_at
            from oadb.security_event_links as links
            inner join oadb.security_events as newest on links.event_id = newest.event_id
            order by
                links.day desc,
                links.position desc
            limit 1
        ),
        '-infinity'
    );
