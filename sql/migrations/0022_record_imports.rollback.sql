-- What was brought over stays, and would be brought over again.

set local lock_timeout = '4s';

delete from oadb.role_privileges
where table_name = 'imports';

drop table oadb.imports;
