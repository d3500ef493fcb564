-- The clock of a database that only plans: it stands still, so that no estimate moves between the
-- moment at which the ages of its rows are counted and the one of a plan. Run by
-- oadb/tools/plans/simulated_clock.py.

-- name: define
-- Makes a function of the session that stops the clock. now() is looked up in a schema of its own
-- first; views and policies, which have found theirs, are made again. What SQL has words for, such
-- as current_timestamp, goes on.
create function pg_temp.stop_clock(moment timestamptz) returns void
language plpgsql
as $function$
declare
    commands text[];
    command  text;
begin
    select array_agg(made.command) into commands
    from (
        select format(
            'create or replace view %s%s as %s',
            class.oid::regclass,
            case
                when class.reloptions is null then ''
                else format(' with (%s)', array_to_string(class.reloptions, ', '))
            end,
            pg_catalog.pg_get_viewdef(class.oid)
        )
        from pg_catalog.pg_class as class
        where class.relkind = 'v' and pg_catalog.pg_get_viewdef(class.oid) like '%now()%'
        union all
        select format(
            'alter policy %I on %s%s%s',
            policy.polname,
            policy.polrelid::regclass,
            ' using (' || pg_catalog.pg_get_expr(policy.polqual, policy.polrelid) || ')',
            ' with check (' || pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid) || ')'
        )
        from pg_catalog.pg_policy as policy
        where concat(
            pg_catalog.pg_get_expr(policy.polqual, policy.polrelid),
            pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid)
        ) like '%now()%'
    ) as made (command)
    where made.command not like '% view pg_catalog.%';
    create schema simulated;
    grant usage on schema simulated to public;
    -- Not in SQL, which would be put in its place in a plan; it costs as much as the real one.
    execute format(
        'create function simulated.now() returns timestamptz language plpgsql stable strict '
        'parallel safe cost 1 as %L',
        format('begin return timestamptz %L; end', moment)
    );
    set local search_path = simulated, pg_catalog, "$user", public;
    foreach command in array coalesce(commands, '{}') loop
        execute command;
    end loop;
    execute format(
        'alter database %I set search_path = simulated, pg_catalog, "$user", public',
        current_database()
    );
end
$function$;

-- name: stop
select pg_temp.stop_clock(cast(:moment as timestamptz)) is null as is_stopped;

-- name: read
select now() as moment;
