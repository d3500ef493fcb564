-- depends: 0069_search_among_brokers
-- On Citus, policies of a distributed log that a restore lost were not made again: Citus refuses
-- IS NULL of an expression in CREATE POLICY ("unrecognized node type"), because it reads that again
-- in a statement that PostgreSQL has changed while reading it. The other way to write it is stored
-- as the same policy, on every server, so that those which are there stay as they are.
--
-- Lock: none.
-- Deploy: before or after any code.

set local lock_timeout = '4s';

create or replace procedure oadb.secure_user_tables()
language plpgsql
set search_path = ''
as $$
declare
    identity constant text := 'nullif(current_setting(''oadb.user_id'', true), '''')';
    missing  text;
    open     regclass[];
    each     regclass;
    lacking  oadb.wanted_policies[];
    wanted   oadb.wanted_policies;
    shown    text;
    roles    text;
begin
    call oadb.mend_restore();
    select format('%I.%I', user_tables.schema_name, user_tables.table_name) into missing
    from oadb.user_tables
    where to_regclass(format('%I.%I', user_tables.schema_name, user_tables.table_name)) is null
    order by 1
    limit 1;
    if found then
        raise undefined_table using
            message = format('oadb.user_tables lists %s, which does not exist', missing),
            hint = 'What drops a table also deletes its rows from oadb.user_tables and '
                || 'oadb.role_privileges.';
    end if;
    -- Both are read to the end before anything is changed: the lists are among these tables.
    select
        array_agg(distinct pg_class.oid::regclass) filter (
            where not (pg_class.relrowsecurity and pg_class.relforcerowsecurity)
        ),
        array_agg(wanted_policies) filter (where not wanted_policies.is_made)
    into open, lacking
    from oadb.wanted_policies
    inner join pg_catalog.pg_class on wanted_policies.table_id = pg_class.oid;
    foreach each in array coalesce(open, '{}') loop
        execute format('alter table %s enable row level security', each);
        execute format('alter table %s force row level security', each);
    end loop;
    foreach wanted in array coalesce(lacking, '{}') loop
        each := wanted.table_id::regclass;
        -- Not "is null", which Citus refuses here; it is stored as that.
        shown := case wanted.shows
            when 'own' then format('%I = %s::bigint', wanted.user_column, identity)
            when 'without identity' then identity || ' is not distinct from null'
            when 'or refuse' then
                'case when ' || identity || ' is not distinct from null then true '
                || 'else oadb.refuse_identity() end'
            else 'true'
        end;
        select string_agg(coalesce(quote_ident(pg_roles.rolname), 'public'), ', ') into roles
        from unnest(wanted.role_ids) as listed (role_id)
        left join pg_catalog.pg_roles on listed.role_id = pg_roles.oid;
        execute format('drop policy if exists %I on %s', wanted.policy_name, each);
        execute format(
            'create policy %I on %s for %s to %s',
            wanted.policy_name, each, wanted.command, roles
        )
        || case when wanted.command <> 'insert' then format(' using (%s)', shown) else '' end
        || case
            when wanted.write_check is not null
                then format(' with check (%s and (%s))', shown, wanted.write_check)
            when wanted.command = 'insert' then format(' with check (%s)', shown)
            else ''
        end;
    end loop;
end
$$;
