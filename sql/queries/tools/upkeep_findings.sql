-- What no schema shows and what breaks a service: settings, sequences, statistics, transactions.
-- Bound in oadb/tools/upkeep_findings.py.

-- name: _list_harmful_settings
-- Settings other than PostgreSQL's own that refuse writes, switch triggers or vacuum off, or take a
-- plan away: of this session, and those that databases and roles give to sessions of this one's
-- role, of owners of the schemas and of services that write.
with watched as (
    select
        name,
        setting,
        boot_val,
        vartype,
        source
    from pg_catalog.pg_settings
    where
        name in (
            'autovacuum', 'default_transaction_read_only', 'session_replication_role',
            'track_counts'
        )
        or (name like 'enable\_%' and category like 'Query Tuning%')
),

concerned as (
    select 0::oid as role_id
    union
    select pg_roles.oid
    from pg_catalog.pg_roles
    where pg_roles.rolname in (current_user, session_user)
    union
    select namespace.nspowner
    from pg_catalog.pg_namespace as namespace
    where namespace.nspname = any(:schemas)
    union
    select member.member
    from pg_catalog.pg_auth_members as member
    inner join pg_catalog.pg_roles as service on member.roleid = service.oid
    where service.rolname in ('oadb_owner', 'oadb_migrate', 'oadb_app', 'oadb_log', 'oadb_rotate')
),

kept as (
    select
        split_part(entry.config, '=', 1) as name,
        substr(entry.config, strpos(entry.config, '=') + 1) as value,
        concat_ws(
            ' ',
            'alter',
            case
                when given.setrole <> 0 then 'role ' || given.setrole::regrole::text
                when given.setdatabase = 0 then 'role all'
            end,
            case
                when given.setdatabase <> 0 and given.setrole <> 0 then 'in'
            end,
            case when given.setdatabase <> 0 then 'database ' || quote_ident(base.datname) end,
            'reset',
            split_part(entry.config, '=', 1)
        ) as mending
    from pg_catalog.pg_db_role_setting as given
    cross join lateral unnest(given.setconfig) as entry (config)
    inner join concerned on given.setrole = concerned.role_id
    left join pg_catalog.pg_database as base on given.setdatabase = base.oid
    where given.setdatabase = 0 or base.datname = pg_catalog.current_database()
)

select
    watched.name,
    watched.setting as value,
    'its source is ' || watched.source as mending
from watched
where
    watched.setting <> watched.boot_val
    and watched.source not in ('database', 'user', 'database user')
union all
select
    kept.name,
    kept.value,
    kept.mending
from kept
inner join watched on kept.name = watched.name
where
    case
        when watched.vartype = 'bool' then kept.value::boolean <> watched.boot_val::boolean
        else kept.value <> watched.boot_val
    end
order by
    name,
    mending;

-- name: _list_sequences
-- How much of the numbers of each is used; null for one that this role may not read. One that
-- nothing was taken of has used none.
select
    format('%I.%I', sequences.schemaname, sequences.sequencename) as name,
    case
        when
            pg_catalog.has_sequence_privilege(
                format('%I.%I', sequences.schemaname, sequences.sequencename), 'select, usage'
            )
            then
                coalesce(sequences.last_value - sequences.min_value, 0)::double precision
                / nullif(sequences.max_value::double precision - sequences.min_value, 0)
    end as used
from pg_catalog.pg_sequences as sequences
where
    sequences.schemaname = any(:schemas)
    and sequences.increment_by > 0
order by name;

-- name: _list_unanalyzed
-- Tables of more than a few rows that were never analyzed, such as after a restore.
with namespace as (
    select oid
    from pg_catalog.pg_namespace
    where nspname = any(:schemas)
)

select class.oid::regclass::text as name
from pg_catalog.pg_class as class
inner join namespace on class.relnamespace = namespace.oid
where
    class.relkind in ('r', 'm')
    and class.reltuples < 0
    and pg_catalog.pg_relation_size(class.oid) > 100 * 8192
order by name;

-- name: _list_old_transactions
-- Transactions that nobody works in, of this database, the oldest first. Of other roles they are
-- seen by members of pg_read_all_stats.
select
    coalesce('server process ' || activity.pid || ' (' || activity.application_name || ')', '')
        as holder,
    activity.xact_start as begun_at,
    'select pg_terminate_backend(' || activity.pid || ')' as mending
from pg_catalog.pg_stat_activity as activity
where
    activity.datname = pg_catalog.current_database()
    and activity.state like 'idle in transaction%'
    and activity.xact_start < pg_catalog.clock_timestamp() - :older_than::interval
union all
select
    'prepared transaction ' || quote_literal(prepared.gid),
    prepared.prepared,
    'rollback prepared ' || quote_literal(prepared.gid)
from pg_catalog.pg_prepared_xacts as prepared
where
    prepared.database = pg_catalog.current_database()
    and prepared.prepared < pg_catalog.clock_timestamp() - :older_than::interval
order by
    begun_at,
    holder;
