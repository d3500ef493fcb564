-- Deploy: after the code that writes changes is gone.

set local lock_timeout = '4s';

delete from oadb.user_tables
where
    schema_name = 'oadb'
    and table_name = 'changes';

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and table_name = 'changes';

drop table oadb.changes;
