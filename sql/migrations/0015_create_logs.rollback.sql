-- Every log is lost.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where
    table_name in (
        'api_logs', 'analyzer_logs', 'traffic', 'latency', 'log_batches', 'log_rejects', 'log_drops'
    );

drop table oadb.log_drops;
drop table oadb.log_rejects;
drop table oadb.log_batches;
drop table oadb.latency;
drop table oadb.traffic;
drop table oadb.analyzer_logs;
drop table oadb.api_logs;
