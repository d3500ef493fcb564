-- What was rolled up of rows that are gone is lost.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where table_name in ('traffic_rollups', 'latency_rollups');

drop function oadb.rollup_spans(text, timestamptz, timestamptz);

drop index oadb.log_batches_first_at_idx;
drop index oadb.traffic_status_idx;
drop index oadb.traffic_ip_idx;

drop table oadb.latency_rollups;
drop table oadb.traffic_rollups;

drop function oadb.rollup_resolutions();
drop function oadb.bin_duration(smallint);
drop function oadb.duration_bin(double precision);
