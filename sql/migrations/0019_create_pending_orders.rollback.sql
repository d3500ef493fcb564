-- Orders that wait for a person are lost.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where table_name = 'pending_orders';

drop table oadb.pending_orders;
