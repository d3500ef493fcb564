-- depends: 0043_keep_attempts_of_users
-- Sign-ins that were tried have partitions, as other logs do: oadb maintain makes one for each
-- month, and drops those that have expired. The table that is there becomes the first partition,
-- which has the rows of this month and of all before it; oadb maintain deletes the earlier ones by
-- their age.
--
-- A unique index of a partitioned table has the time in it, so the row that counts the tries of a
-- client that has to wait is found by a table of its own, which has a row for an hour or two.
--
-- Lock: access exclusive on oadb.login_attempts, for half a second, and while its rows are read
-- once: 0.3 s for a million of them, and on oadb.log_tables meanwhile. No row is written.
-- Deploy: with the code. A process of the code before it goes on, but for a client that has to
-- wait: its sign-in is refused with an error, and is not written to the audit.

-- Every table and index that is made here is new, and each row passes the checks already.
-- squawk-ignore-file require-concurrent-index-creation, require-concurrent-index-deletion
-- squawk-ignore-file renaming-object, ban-drop-constraint

set local lock_timeout = '4s';

alter table oadb.log_tables add column time_column text not null default 'logged_at';

comment on column oadb.log_tables.time_column is 'By which the table is partitioned.';

-- As in 0031, but for the name of the column.
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
        'with moved as (delete from oadb.%1$I where %2$I >= %3$L and %2$I < %4$L returning *) '
        'insert into oadb.%5$I select * from moved',
        stray, kept.time_column, starts, ends, made
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

lock table oadb.login_attempts in access exclusive mode;

alter table oadb.login_attempts
drop constraint login_attempts_pkey,
add constraint login_attempts_pkey primary key using index login_attempts_time_key;

drop index oadb.login_attempts_attempted_at_idx;
drop index oadb.login_attempts_locked_key;

-- Its name, and those of its indexes, are as if oadb maintain had made it.
do $$
declare
    month text := 'login_attempts_' || to_char(now() at time zone 'UTC', 'YYYYMM');
begin
    execute format('alter table oadb.login_attempts rename to %I', month);
    execute format('alter index oadb.login_attempts_pkey rename to %I', month || '_pkey');
    execute format(
        'alter index oadb.login_attempts_user_id_idx rename to %I',
        month || '_user_id_attempted_at_idx'
    );
    execute format(
        'alter index oadb.login_attempts_outcome_idx rename to %I',
        month || '_outcome_attempted_at_attempt_id_idx'
    );
end
$$;

alter sequence oadb.login_attempts_attempt_id_seq rename to login_attempts_first_seq;

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

    constraint login_attempts_pkey primary key (attempted_at, attempt_id),
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
) partition by range (attempted_at);

create index login_attempts_user_id_idx on oadb.login_attempts (user_id, attempted_at);
create index login_attempts_outcome_idx
on oadb.login_attempts (outcome, attempted_at, attempt_id);

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

create table oadb.login_attempts_default partition of oadb.login_attempts default;

comment on table oadb.login_attempts_default is
'Rows of a time that has no partition; should be empty.';

do $$
declare
    month text := 'login_attempts_' || to_char(now() at time zone 'UTC', 'YYYYMM');
    ends  timestamptz
        := (date_trunc('month', now() at time zone 'UTC') + interval '1 month') at time zone 'UTC';
begin
    perform setval(
        'oadb.login_attempts_attempt_id_seq', first.last_value, first.is_called
    )
    from oadb.login_attempts_first_seq as first;
    execute format('alter table oadb.%I alter column attempt_id drop identity', month);
    -- Rows of a clock that was ahead.
    execute format(
        'with ahead as (delete from oadb.%I where attempted_at >= %L returning *) '
        'insert into oadb.login_attempts overriding system value select * from ahead',
        month, ends
    );
    execute format(
        'alter table oadb.login_attempts attach partition oadb.%I '
        'for values from (minvalue) to (%L)',
        month, ends
    );
end
$$;

create table oadb.locked_clients (
    hour_at  timestamptz      not null,
    network  text collate "C" not null,
    account  text collate "C" not null,
    first_at timestamptz      not null default now(),
    tries    bigint           not null default 1,

    constraint locked_clients_pkey primary key (hour_at, network, account),
    constraint locked_clients_tries_check check (tries >= 1)
);

comment on table oadb.locked_clients is
'Clients that have to wait, each with its row of this hour in login_attempts. Rows of earlier '
'hours are swept.';
comment on column oadb.locked_clients.hour_at is 'The beginning of the hour.';
comment on column oadb.locked_clients.network is 'As locked_network of login_attempts.';
comment on column oadb.locked_clients.account is 'As locked_account of login_attempts.';
comment on column oadb.locked_clients.first_at is 'As attempted_at of login_attempts.';

insert into oadb.log_tables (table_name, period, name_format, made_ahead, time_column)
values
('login_attempts', 'month', 'YYYYMM', interval '2 months', 'attempted_at');

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'login_attempts_default', 'select'),
('oadb_ro', 'login_attempts_default', 'select'),
(
    'oadb_app', 'locked_clients',
    'select, delete, insert (hour_at, network, account), update (tries)'
),
('oadb_ro', 'locked_clients', 'select');

do $$
declare
    missing record;
    moved   bigint;
begin
    for missing in
        select
            log_periods.table_name,
            log_periods.starts_at
        from oadb.log_periods
        where
            log_periods.table_name = 'login_attempts'
            and not log_periods.is_made
    loop
        call oadb.make_log_partition(missing.table_name, missing.starts_at, '4s', moved);
    end loop;
end
$$;

call oadb.renew_privileges();
