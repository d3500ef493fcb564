-- depends: 0004_create_key_canaries
-- Password hashes are sealed: a stolen dump cannot be attacked offline, and a hash cannot be copied
-- from one user to another.
--
-- Lock: access exclusive on oadb.users, while it is rewritten: about a second for a million people.
-- Deploy: with the code that seals; users keep everything but a password stored before.

-- People number in the thousands, so one short rewrite is better than four migrations:
-- squawk-ignore-file ban-drop-column, adding-field-with-default
-- squawk-ignore-file adding-foreign-key-constraint, constraint-missing-not-valid
-- squawk-ignore-file require-concurrent-index-creation

set local lock_timeout = '4s';

do $$
begin
    if exists (select from oadb.users where password_hash is not null) then
        raise exception 'oadb.users holds password hashes that are not sealed'
            using hint = 'Only a key ring seals, and SQL has none: set them to null, apply this, '
                || 'and let these users set a new password.';
    end if;
end
$$;

alter table oadb.users drop column password_hash;

alter table oadb.users
add column auth_epoch bigint not null default 0,
add column password_hash bytea,
add column password_key_id bigint
generated always as (oadb.key_id_of(password_hash)) stored,
add constraint users_password_hash_check check (oadb.is_sealed(password_hash)),
add constraint users_password_key_id_fkey
foreign key (password_key_id) references oadb.key_canaries (key_id);

create index users_password_key_id_idx on oadb.users (password_key_id, user_id);

comment on column oadb.users.auth_epoch is
'Rises with each new password: what was proven before it counts no more.';
comment on column oadb.users.password_hash is
'Sealed: Argon2id in PHC format. Null: this person cannot sign in with a password.';
comment on column oadb.users.password_key_id is 'The key that the hash is sealed under.';
