set local lock_timeout = '4s';

lock table oadb.api_logs, oadb.analyzer_logs in access exclusive mode;

comment on column oadb.analyzer_logs.user_id is null;
comment on column oadb.api_logs.user_id is
'Null: nobody was signed in. No foreign key: a log outlives the user, and ids are not used again.';

drop index oadb.analyzer_logs_logged_at_idx;
alter table oadb.analyzer_logs drop constraint analyzer_logs_pkey;
alter table oadb.analyzer_logs
add constraint analyzer_logs_pkey primary key (logged_at, log_id);
create index analyzer_logs_user_id_idx on oadb.analyzer_logs (user_id, logged_at, log_id);
alter table oadb.analyzer_logs alter column user_id drop default;
alter table oadb.analyzer_logs alter column user_id drop not null;

drop index oadb.api_logs_logged_at_idx;
alter table oadb.api_logs drop constraint api_logs_pkey;
alter table oadb.api_logs add constraint api_logs_pkey primary key (logged_at, log_id);
create index api_logs_user_id_idx on oadb.api_logs (user_id, logged_at, log_id);
alter table oadb.api_logs alter column user_id drop default;
alter table oadb.api_logs alter column user_id drop not null;

update oadb.analyzer_logs
set user_id = null
where user_id < 0;

update oadb.api_logs
set user_id = null
where user_id < 0;
