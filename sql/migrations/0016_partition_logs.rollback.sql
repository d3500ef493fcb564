-- Partitions stay with their tables, and so do their rows.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where
    table_name in (
        'log_tables', 'log_periods', 'api_logs_default', 'analyzer_logs_default', 'traffic_default',
        'latency_default'
    );

drop procedure oadb.drop_log_partition(text, text, interval);
drop procedure oadb.make_log_partition(text, timestamptz, interval, bigint);
drop procedure oadb.lock_in_turns(text, interval);
drop view oadb.log_periods;
drop table oadb.log_tables;

call oadb.renew_privileges();
