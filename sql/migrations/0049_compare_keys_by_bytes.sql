-- depends: 0048_mend_restores
-- Keys that are texts compare by their bytes (collation "C"): the same on every machine, and an
-- upgrade of the operating system's locales leaves their indexes in order. None is shown to people
-- in the order of a language.
--
-- Lock: access exclusive on oadb.applied_migrations, claims, imports, imported_rows, settings,
-- broker_tokens, lockouts, ip_trackers, traffic_rollups and latency_rollups, while their indexes
-- are built again: two seconds for a million rows. The largest are those of rollups. No row is
-- written.

-- squawk-ignore-file changing-column-type

set local lock_timeout = '4s';

alter table oadb.applied_migrations
alter column migration_id type text collate "C";

alter table oadb.claims
alter column subject type text collate "C";

alter table oadb.imports
alter column installation type text collate "C",
alter column table_name type text collate "C";

alter table oadb.imported_rows
alter column installation type text collate "C",
alter column table_name type text collate "C";

alter table oadb.settings
alter column name type text collate "C";

alter table oadb.broker_tokens
alter column broker type text collate "C";

alter table oadb.lockouts
alter column kind type text collate "C",
alter column subject type text collate "C";

alter table oadb.ip_trackers
alter column kind type text collate "C";

alter table oadb.traffic_rollups
alter column endpoint type text collate "C";

alter table oadb.latency_rollups
alter column broker type text collate "C",
alter column part type text collate "C";

-- A column of another type has no statistics. Tables without rows have none anyway.
do $$
begin
    if exists (select from oadb.traffic_rollups) then
        analyze oadb.traffic_rollups (endpoint);
    end if;
    if exists (select from oadb.latency_rollups) then
        analyze oadb.latency_rollups (broker, part);
    end if;
    if exists (select from oadb.lockouts) then
        analyze oadb.lockouts (kind, subject);
    end if;
    if exists (select from oadb.broker_tokens) then
        analyze oadb.broker_tokens (broker);
    end if;
end
$$;
