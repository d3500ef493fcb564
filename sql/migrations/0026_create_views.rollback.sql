-- Statements that read the views fail from here on.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where table_name in ('strategies_with_mappings', 'latency_parts');

drop view oadb.latency_parts;
drop view oadb.strategies_with_mappings;
