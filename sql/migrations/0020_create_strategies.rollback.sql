-- Every strategy is lost, with its webhook.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where table_name in ('strategies', 'strategy_mappings');

drop table oadb.strategy_mappings;
drop table oadb.strategies;
