-- Proof: the keys that the database knows. Bound in oadb/keys/proof.py.

-- name: list_canaries
-- primary: whether the keys fit
select
    key_id,
    canary
from oadb.key_canaries
order by key_id;

-- name: _lock_canaries
-- Until the end of the transaction, other sessions can neither enroll nor remove a key.
-- Reading, and the checks of foreign keys, do not wait.
lock table oadb.key_canaries in share row exclusive mode;

-- name: _enroll
-- repeatable: an existing canary is not replaced
insert into oadb.key_canaries (
    key_id,
    canary
)
values (
    :key_id,
    :canary
)
on conflict (key_id) do nothing;

-- name: _note_promotion
-- repeatable: a second run only writes a later time
update oadb.key_canaries
set promoted_at = now()
where key_id = :key_id;

-- name: _remove
-- Violates a foreign key, which names the table, while a row needs the key, so there is no
-- race between check and removal.
delete from oadb.key_canaries
where key_id = :key_id;
