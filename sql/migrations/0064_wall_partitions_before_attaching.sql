-- depends: 0063_fit_clusters
-- A partition of a log gets the policies of its table before it is attached, no longer afterwards.
-- So it is never open, and the workers of a Citus cluster have the policies on its shards.
--
-- Lock: none.
-- Deploy: before or after the code.

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
    policy   record;
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
    -- Before it is attached: Citus makes a distributed table of it then, with its policies, and
    -- afterwards refuses those that compare with nullif.
    execute format('alter table oadb.%I enable row level security', made);
    execute format('alter table oadb.%I force row level security', made);
    for policy in
        select
            pg_policy.polname as policy_name,
            case pg_policy.polcmd
                when 'r' then 'select'
                when 'a' then 'insert'
                when 'w' then 'update'
                when 'd' then 'delete'
                else 'all'
            end as command,
            (
                select
                    string_agg(
                        case
                            when listed.role_id = 0 then 'public'
                            else quote_ident(pg_get_userbyid(listed.role_id))
                        end,
                        ', '
                    )
                from unnest(pg_policy.polroles) as listed (role_id)
            ) as roles,
            pg_get_expr(pg_policy.polqual, pg_policy.polrelid) as shown,
            pg_get_expr(pg_policy.polwithcheck, pg_policy.polrelid) as written
        from pg_catalog.pg_policy
        where pg_policy.polrelid = to_regclass('oadb.' || quote_ident(log_table))
        order by pg_policy.polname
    loop
        execute format(
            'create policy %I on oadb.%I for %s to %s',
            policy.policy_name, made, policy.command, policy.roles
        )
        || coalesce(' using (' || policy.shown || ')', '')
        || coalesce(' with check (' || policy.written || ')', '');
    end loop;
    execute format(
        'alter table oadb.%I attach partition oadb.%I for values from (%L) to (%L)',
        log_table, made, starts, ends
    );
    call oadb.secure_user_tables();
end
$$;
