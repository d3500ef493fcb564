-- The rows are copied back into one table, which nobody reads or writes meanwhile: about ten
-- seconds for a million of them.

set local lock_timeout = '4s';

create or replace procedure oadb.make_log_partition(
    log_table text, moment timestamptz, patience interval, inout moved bigint
)
language plpgsql
security definer
set search_path = ''
set timezone = 'UTC'
set datestyle = 'ISO'
as $$
declare
    kept     oadb.log_tables;
    starts   timestamptz;
    ends     timestamptz;
    made     text;
    stray    text := log_table || '_default';
    move     text;
    moved_on bigint;
begin
    select log_tables.* into kept
    from oadb.log_tables
    where log_tables.table_name = log_table;
    if not found then
        raise undefined_table using message = format('%s is no table of logs', log_table);
    end if;
    starts := date_trunc(kept.period, moment);
    ends := starts + ('1 ' || kept.period)::interval;
    made := log_table || '_' || to_char(starts, kept.name_format);
    execute format(
        'create table oadb.%I (like oadb.%I including all excluding identity)', made, log_table
    );
    move := format(
        'with moved as (delete from oadb.%I where logged_at >= %L and logged_at < %L returning *) '
        'insert into oadb.%I select * from moved',
        stray, starts, ends, made
    );
    -- Most of them before anybody has to wait.
    execute move;
    get diagnostics moved = row_count;
    call oadb.lock_in_turns(
        format(
            'lock table only oadb.%I in %s mode; lock table only oadb.%I in access exclusive mode',
            log_table,
            case when starts > now() then 'share update exclusive' else 'share row exclusive' end,
            stray
        ),
        patience
    );
    execute move;
    get diagnostics moved_on = row_count;
    moved := moved + moved_on;
    execute format(
        'alter table oadb.%I attach partition oadb.%I for values from (%L) to (%L)',
        log_table, made, starts, ends
    );
    call oadb.secure_user_tables();
end
$$;

delete from oadb.log_tables
where table_name = 'login_attempts';

alter table oadb.log_tables drop column time_column;

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and table_name in ('login_attempts_default', 'locked_clients');

drop table oadb.locked_clients;

lock table oadb.login_attempts in access exclusive mode;

alter table oadb.login_attempts rename to login_attempts_by_month;
alter index oadb.login_attempts_pkey rename to login_attempts_by_month_pkey;
alter index oadb.login_attempts_user_id_idx rename to login_attempts_by_month_user_id_idx;
alter index oadb.login_attempts_outcome_idx rename to login_attempts_by_month_outcome_idx;
alter sequence oadb.login_attempts_attempt_id_seq rename to login_attempts_by_month_seq;

create table oadb.login_attempts (
    attempt_id     bigint      generated always as identity,
    attempted_at   timestamptz not null default now(),
    username       text        not null,
    user_id        bigint,
    ip             inet,
    device         text,
    broker         text,
    method         text        not null,
    outcome        text        not null,
    reason         text,
    tries          bigint      not null default 1,
    last_at        timestamptz,
    locked_hour_at timestamptz,
    locked_network text,
    locked_account text,

    constraint login_attempts_username_check check (length(username) between 1 and 254),
    constraint login_attempts_device_check check (length(device) between 1 and 500),
    constraint login_attempts_broker_check check (length(broker) between 1 and 50),
    constraint login_attempts_method_check check (
        method in ('password', 'oauth', 'resume', 'code')
    ),
    constraint login_attempts_outcome_check check (
        outcome in ('succeeded', 'failed', 'locked', 'unverified', 'resumed', 'code_needed')
    ),
    constraint login_attempts_reason_check check (length(reason) between 1 and 500),
    constraint login_attempts_tries_check check (tries >= 1)
);

comment on table oadb.login_attempts is
'Audit: every sign-in that was tried. Rows are never changed, but those of a client that has to '
'wait: its further tries within the hour are counted.';
comment on column oadb.login_attempts.username is 'As it was given, whether or not it exists.';
comment on column oadb.login_attempts.user_id is
'Who was meant. Null: nobody of that name. No foreign key: an attempt outlives the user, and ids '
'are not used again.';
comment on column oadb.login_attempts.outcome is
'Unverified: the password was not compared, because capacity or the database was not available. '
'Code_needed: the password was right, and a code of the second factor is required as well.';
comment on column oadb.login_attempts.tries is 'How many tries of a client that has to wait.';
comment on column oadb.login_attempts.last_at is 'The last of several tries; null: there is one.';
comment on column oadb.login_attempts.locked_hour_at is
'The hour, of a client that has to wait; null in other rows.';
comment on column oadb.login_attempts.locked_network is 'The widest network of that client.';
comment on column oadb.login_attempts.locked_account is
'The account that has to wait; empty: the network has to, whichever account it names.';

insert into oadb.login_attempts (
    attempt_id,
    attempted_at,
    username,
    user_id,
    ip,
    device,
    broker,
    method,
    outcome,
    reason,
    tries,
    last_at,
    locked_hour_at,
    locked_network,
    locked_account
)
overriding system value
select
    attempts.attempt_id,
    attempts.attempted_at,
    attempts.username,
    attempts.user_id,
    attempts.ip,
    attempts.device,
    attempts.broker,
    attempts.method,
    attempts.outcome,
    attempts.reason,
    attempts.tries,
    attempts.last_at,
    attempts.locked_hour_at,
    attempts.locked_network,
    attempts.locked_account
from oadb.login_attempts_by_month as attempts;

select setval('oadb.login_attempts_attempt_id_seq', made.last_value, made.is_called)
from oadb.login_attempts_by_month_seq as made;

drop table oadb.login_attempts_by_month;

alter table oadb.login_attempts
add constraint login_attempts_pkey primary key (attempt_id);

create index login_attempts_attempted_at_idx on oadb.login_attempts (attempted_at, attempt_id);
create unique index login_attempts_time_key on oadb.login_attempts (attempted_at, attempt_id);
create index login_attempts_outcome_idx
on oadb.login_attempts (outcome, attempted_at, attempt_id);
create unique index login_attempts_locked_key on oadb.login_attempts (
    locked_hour_at, locked_network, locked_account
) where locked_hour_at is not null;
create index login_attempts_user_id_idx on oadb.login_attempts (user_id, attempted_at);

call oadb.renew_privileges();
