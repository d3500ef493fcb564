-- What VACUUM and ANALYZE owe. Bound in oadb/tools/activity/vacuum_findings.py.

-- name: _list_overdue_vacuums
-- Tables with more dead rows than :times as many as autovacuum begins at, and than :least.
with own as (
    select
        stats.relid,
        stats.n_dead_tup as dead,
        greatest(stats.last_vacuum, stats.last_autovacuum) as vacuumed_at,
        coalesce(bool_or(option.option_value in ('false', 'off', 'no', '0')) filter (
            where option.option_name = 'autovacuum_enabled'
        ), false) as is_switched_off,
        coalesce(
            max(option.option_value) filter (
                where option.option_name = 'autovacuum_vacuum_threshold'
            ),
            pg_catalog.current_setting('autovacuum_vacuum_threshold')
        )::double precision as fixed,
        coalesce(
            max(option.option_value) filter (
                where option.option_name = 'autovacuum_vacuum_scale_factor'
            ),
            pg_catalog.current_setting('autovacuum_vacuum_scale_factor')
        )::double precision as factor,
        greatest(class.reltuples, 0)::double precision as rows
    from pg_catalog.pg_stat_user_tables as stats
    inner join pg_catalog.pg_class as class on stats.relid = class.oid
    left join lateral pg_catalog.pg_options_to_table(class.reloptions) as option on true
    where stats.schemaname = any(:schemas)
    group by
        stats.relid,
        stats.n_dead_tup,
        stats.last_vacuum,
        stats.last_autovacuum,
        class.reltuples
),

due as (
    select
        relid::regclass::text as name,
        dead,
        vacuumed_at,
        is_switched_off,
        least(
            fixed + factor * rows,
            nullif(
                pg_catalog.current_setting('autovacuum_vacuum_max_threshold', true), '-1'
            )::double precision
        )::bigint as threshold
    from own
)

select
    name,
    dead,
    threshold,
    vacuumed_at,
    case
        when is_switched_off then 'alter table ' || name || ' reset (autovacuum_enabled)'
        else 'vacuum (verbose) ' || name
    end as mending
from due
where
    dead > :least::bigint
    and dead > threshold * :times::double precision
order by
    dead desc,
    name asc;

-- name: _list_stale_tables
-- Tables of which more rows changed since ANALYZE than :times as many as autovacuum analyzes at,
-- and than :least. Those that were never analyzed are another finding.
with own as (
    select
        stats.relid::regclass::text as name,
        stats.n_mod_since_analyze as changed,
        coalesce(
            max(option.option_value) filter (
                where option.option_name = 'autovacuum_analyze_threshold'
            ),
            pg_catalog.current_setting('autovacuum_analyze_threshold')
        )::double precision
        + greatest(class.reltuples, 0)::double precision
        * coalesce(
            max(option.option_value) filter (
                where option.option_name = 'autovacuum_analyze_scale_factor'
            ),
            pg_catalog.current_setting('autovacuum_analyze_scale_factor')
        )::double precision as threshold
    from pg_catalog.pg_stat_user_tables as stats
    inner join pg_catalog.pg_class as class on stats.relid = class.oid
    left join lateral pg_catalog.pg_options_to_table(class.reloptions) as option on true
    where
        stats.schemaname = any(:schemas)
        and class.relkind in ('r', 'm')
        and class.reltuples >= 0
    group by
        stats.relid,
        stats.n_mod_since_analyze,
        class.reltuples
)

select
    name,
    changed,
    'analyze ' || name as mending
from own
where
    changed > :least::bigint
    and changed > threshold * :times::double precision
order by
    changed desc,
    name asc;

-- name: _list_old_databases
-- Databases with a row that is older than :times the age at which autovacuum freezes by force: in
-- transactions, and in multixacts. At two thousand million the server writes no more.
select
    datname::text as name,
    pg_catalog.age(datfrozenxid)::bigint as transactions,
    pg_catalog.mxid_age(datminmxid)::bigint as multixacts
from pg_catalog.pg_database
where
    pg_catalog.age(datfrozenxid)
    > :times::double precision
    * pg_catalog.current_setting('autovacuum_freeze_max_age')::double precision
    or pg_catalog.mxid_age(datminmxid)
    > :times::double precision
    * pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::double precision
order by
    transactions desc,
    name asc;

-- name: _list_old_tables
-- The same of the tables of this database, in all schemas, the oldest first.
select
    class.oid::regclass::text as name,
    pg_catalog.age(class.relfrozenxid)::bigint as transactions,
    pg_catalog.mxid_age(class.relminmxid)::bigint as multixacts,
    'vacuum (freeze) ' || class.oid::regclass::text as mending
from pg_catalog.pg_class as class
where
    class.relkind in ('r', 'm', 't')
    and (
        pg_catalog.age(class.relfrozenxid)
        > :times::double precision
        * pg_catalog.current_setting('autovacuum_freeze_max_age')::double precision
        or pg_catalog.mxid_age(class.relminmxid)
        > :times::double precision
        * pg_catalog.current_setting('autovacuum_multixact_freeze_max_age')::double precision
    )
order by
    transactions desc,
    multixacts desc,
    name asc
limit 100;
