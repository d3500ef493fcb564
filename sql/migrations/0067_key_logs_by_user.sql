-- depends: 0066_act_in_blocks_on_citus
-- The logs of calls and of analyses are keyed by the user first: a Citus cluster divides them by
-- user_id, and the rows of one user are on one shard. What belonged to no user had null there,
-- which no cluster can place and no key can hold. It gets a number from -1 to -64, so that a
-- cluster divides these rows as well; a user's id is above 0.
--
-- Lock: access exclusive on oadb.api_logs and analyzer_logs, whose rows of nobody are updated and
-- which are read for two indexes each: some seconds for a million rows.
-- Deploy: after the code, which sends these numbers; what sends null is refused from then on.

-- Two indexes take the places of two others, and a partitioned table has no other way to its key.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- squawk-ignore-file adding-serial-primary-key-field, ban-drop-constraint
-- squawk-ignore-file constraint-missing-not-valid

set local lock_timeout = '4s';

lock table oadb.api_logs, oadb.analyzer_logs in access exclusive mode;

update oadb.api_logs
set user_id = -1 - log_id % 64
where user_id is null;

update oadb.analyzer_logs
set user_id = -1 - log_id % 64
where user_id is null;

alter table oadb.api_logs alter column user_id set default -1;
alter table oadb.api_logs drop constraint api_logs_pkey;
alter table oadb.api_logs add constraint api_logs_pkey primary key (user_id, logged_at, log_id);
drop index oadb.api_logs_user_id_idx;
create index api_logs_logged_at_idx on oadb.api_logs (logged_at, log_id);

alter table oadb.analyzer_logs alter column user_id set default -1;
alter table oadb.analyzer_logs drop constraint analyzer_logs_pkey;
alter table oadb.analyzer_logs
add constraint analyzer_logs_pkey primary key (user_id, logged_at, log_id);
drop index oadb.analyzer_logs_user_id_idx;
create index analyzer_logs_logged_at_idx on oadb.analyzer_logs (logged_at, log_id);

comment on column oadb.api_logs.user_id is
'Below 0: nobody was signed in; which number says nothing. No foreign key: a log outlives the '
'user, and ids are not used again.';
comment on column oadb.analyzer_logs.user_id is
'Below 0: nobody was signed in; which number says nothing. No foreign key, as of api_logs.';
