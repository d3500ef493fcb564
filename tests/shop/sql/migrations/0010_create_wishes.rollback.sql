set local lock_timeout = '4s';

delete from oadb.user_tables
where schema_name = 'shop';

delete from oadb.role_privileges
where schema_name = 'shop';

drop table shop.wishes;
