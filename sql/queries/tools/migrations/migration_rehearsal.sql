-- Databases of a rehearsal, on a temporary server. Bound in
-- oadb/tools/migrations/migration_rehearsal.py.

-- name: _copy_level
-- For a trial of the migrations, before the rehearsal itself.
create database oadb_trial template oadb_rehearsal;

-- name: _create_level
create database oadb_rehearsal template template0;
