-- depends: 0003_create_instruments
-- What every sealed column needs: a row for each key, and two functions that read the header of a
-- sealed value. A value sealed under a key without a row here cannot be stored, and a row cannot go
-- while one value needs its key.
--
-- Lock: none, all is new.

set local lock_timeout = '4s';

-- Not strict, so that PostgreSQL puts the expressions in the place of the calls.
create function oadb.is_sealed(sealed bytea) returns boolean
language sql immutable parallel safe
return case
    when octet_length(sealed) >= 33 then get_byte(sealed, 0) = 1
    when sealed is not null then false
end;

comment on function oadb.is_sealed(bytea) is
'Whether this has the form version 1, key id (4 bytes), nonce (12), ciphertext, tag (16).';

create function oadb.key_id_of(sealed bytea) returns bigint
language sql immutable parallel safe
return case
    when octet_length(sealed) >= 33
        then
            (get_byte(sealed, 1)::bigint << 24)
            + (get_byte(sealed, 2) << 16)
            + (get_byte(sealed, 3) << 8)
            + get_byte(sealed, 4)
end;

comment on function oadb.key_id_of(bytea) is 'The key that a sealed value says it needs.';

create table oadb.key_canaries (
    key_id      bigint      not null,
    canary      bytea       not null,
    enrolled_at timestamptz not null default now(),

    constraint key_canaries_pkey primary key (key_id),
    constraint key_canaries_canary_check check (
        oadb.is_sealed(canary) and oadb.key_id_of(canary) = key_id
    )
);

comment on table oadb.key_canaries is
'A known value sealed under each key: who cannot open it has another key of the same id.';
comment on column oadb.key_canaries.key_id is 'As in the key ring: 1 to 4294967295.';
