-- depends: 0015_create_logs
-- Partitions of logs: made ahead of need, and dropped when their time has passed. The first are
-- made here, the others by oadb maintain.
--
-- Lock: share update exclusive on the tables of logs, and access exclusive on their default
-- partitions, for an instant.
-- Deploy: schedule oadb maintain.

set local lock_timeout = '4s';

create table oadb.log_tables (
    table_name    text        not null,
    period        text        not null,
    name_format   text        not null,
    made_ahead    interval    not null,
    maintained_at timestamptz not null default now(),

    constraint log_tables_pkey primary key (table_name),
    constraint log_tables_period_check check (
        (period, name_format) in (('day', 'YYYYMMDD'), ('month', 'YYYYMM'))
    )
);

comment on table oadb.log_tables is 'Tables of logs and how they are partitioned.';
comment on column oadb.log_tables.period is
'Of one partition, in UTC. By month where rows are kept long: each partition costs planning.';
comment on column oadb.log_tables.name_format is
'What stands behind the name of the table in that of a partition: traffic_20261123.';
comment on column oadb.log_tables.maintained_at is 'When oadb maintain last came to its end.';

insert into oadb.log_tables (table_name, period, name_format, made_ahead)
values
('api_logs', 'month', 'YYYYMM', interval '2 months'),
('analyzer_logs', 'month', 'YYYYMM', interval '2 months'),
('traffic', 'day', 'YYYYMMDD', interval '7 days'),
('latency', 'day', 'YYYYMMDD', interval '7 days');

-- The partitions that there should be, from that of this moment on.
create view oadb.log_periods as
select
    periods.table_name,
    periods.partition_name,
    periods.starts_at,
    pg_inherits.inhrelid is not null as is_made
from (
    select
        log_tables.table_name,
        log_tables.table_name || '_' || to_char(starts, log_tables.name_format) as partition_name,
        starts at time zone 'UTC' as starts_at
    from
        oadb.log_tables,
        generate_series(
            date_trunc(log_tables.period, now() at time zone 'UTC'),
            (now() at time zone 'UTC') + log_tables.made_ahead,
            ('1 ' || log_tables.period)::interval
        ) as starts
) as periods
left join pg_catalog.pg_inherits
    on
        pg_inherits.inhparent = to_regclass('oadb.' || quote_ident(periods.table_name))
        and pg_inherits.inhrelid = to_regclass('oadb.' || quote_ident(periods.partition_name));

comment on view oadb.log_periods is 'Partitions of logs that there should be by now, and whether.';

-- A lock that others wait behind is asked for during 20 ms, then not for a while, then again:
-- nobody waits longer for us, and a long query is waited for without stopping those after it.
create procedure oadb.lock_in_turns(locks text, patience interval)
language plpgsql
set search_path = ''
set lock_timeout = '20ms'
as $$
declare
    deadline timestamptz := clock_timestamp() + patience;
    pause    double precision := 0.02;
begin
    loop
        begin
            execute locks;
            return;
        exception
            when lock_not_available then
                if clock_timestamp() >= deadline then
                    raise;
                end if;
        end;
        perform pg_sleep(pause * (0.5 + random()));
        pause := least(pause * 2, 1);
    end loop;
end
$$;

comment on procedure oadb.lock_in_turns is
'Takes locks in short tries until patience ends; then raises lock_not_available.';

-- With the rights of the owner, so that a partition belongs to whom its table belongs to, whoever
-- of his members asks.
--
-- ATTACH, unlike CREATE TABLE ... PARTITION OF, locks the table itself in share update exclusive
-- mode: nobody waits. The default partition is locked exclusively meanwhile. Where rows of the
-- period are in it, and more may be on their way, writers are kept out while the last are moved:
-- one that had chosen the default partition would be refused once the other is attached.
create procedure oadb.make_log_partition(
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
end
$$;

comment on procedure oadb.make_log_partition is
'Makes the partition of a table of logs that a moment is in, and moves the rows there that are in '
'the default partition; says how many.';

-- One transaction, so that there is no table that is a partition no more and there still. DETACH
-- ... CONCURRENTLY, which would lock less, PostgreSQL refuses where there is a default partition.
-- What uses a partition by its own name is not waited for while readers of the table wait.
create procedure oadb.drop_log_partition(log_table text, partition_name text, patience interval)
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not exists (
        select
        from pg_catalog.pg_inherits
        inner join oadb.log_tables
            on pg_inherits.inhparent = to_regclass('oadb.' || quote_ident(log_tables.table_name))
        where
            log_tables.table_name = log_table
            and pg_inherits.inhrelid = to_regclass('oadb.' || quote_ident(partition_name))
            and partition_name ~ ('^' || log_table || '_[0-9]+$')
    ) then
        raise undefined_table
            using message = format('%s is no partition of a table of logs', partition_name);
    end if;
    call oadb.lock_in_turns(
        format(
            'lock table only oadb.%I in access exclusive mode; '
            'lock table only oadb.%I, only oadb.%I in access exclusive mode nowait',
            log_table, partition_name, log_table || '_default'
        ),
        patience
    );
    execute format('drop table oadb.%I', partition_name);
end
$$;

comment on procedure oadb.drop_log_partition is
'Detaches a partition of a table of logs and drops it, with its rows.';

revoke execute on procedure oadb.lock_in_turns from public;
revoke execute on procedure oadb.make_log_partition from public;
revoke execute on procedure oadb.drop_log_partition from public;

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
        where not log_periods.is_made
    loop
        call oadb.make_log_partition(missing.table_name, missing.starts_at, '4s', moved);
    end loop;
end
$$;

-- For oadb doctor: what is missing, and what is where it should not be.
insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'log_tables', 'select'),
('oadb_app', 'log_periods', 'select'),
('oadb_app', 'api_logs_default', 'select'),
('oadb_app', 'analyzer_logs_default', 'select'),
('oadb_app', 'traffic_default', 'select'),
('oadb_app', 'latency_default', 'select'),
('oadb_ro', 'log_tables', 'select'),
('oadb_ro', 'log_periods', 'select'),
('oadb_ro', 'api_logs_default', 'select'),
('oadb_ro', 'analyzer_logs_default', 'select'),
('oadb_ro', 'traffic_default', 'select'),
('oadb_ro', 'latency_default', 'select');

call oadb.renew_privileges();
