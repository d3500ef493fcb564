-- A later import cannot tell any longer what changed in the other system since the last one.

set local lock_timeout = '4s';

drop table oadb.imported_rows;

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and table_name = 'imported_rows';

call oadb.renew_privileges();
