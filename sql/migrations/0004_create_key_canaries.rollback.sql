set local lock_timeout = '4s';

drop table oadb.key_canaries;
drop function oadb.key_id_of(bytea);
drop function oadb.is_sealed(bytea);
