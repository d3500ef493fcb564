-- Every password is lost: SQL cannot open what is sealed.

set local lock_timeout = '4s';

drop index oadb.users_password_key_id_idx;

alter table oadb.users
drop column password_key_id,
drop column password_hash,
drop column auth_epoch;

alter table oadb.users add column password_hash text;

comment on column oadb.users.password_hash is
'Argon2id in PHC format. Null: this person cannot sign in with a password.';
