set local lock_timeout = '4s';

alter table oadb.applied_migrations
alter column migration_id type text collate "default";

alter table oadb.claims
alter column subject type text collate "default";

alter table oadb.imports
alter column installation type text collate "default",
alter column table_name type text collate "default";

alter table oadb.imported_rows
alter column installation type text collate "default",
alter column table_name type text collate "default";

alter table oadb.settings
alter column name type text collate "default";

alter table oadb.broker_tokens
alter column broker type text collate "default";

alter table oadb.lockouts
alter column kind type text collate "default",
alter column subject type text collate "default";

alter table oadb.ip_trackers
alter column kind type text collate "default";

alter table oadb.traffic_rollups
alter column endpoint type text collate "default";

alter table oadb.latency_rollups
alter column broker type text collate "default",
alter column part type text collate "default";
