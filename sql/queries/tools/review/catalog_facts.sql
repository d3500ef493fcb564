-- What the catalog says about tables, for the review book. Bound in
-- oadb/tools/review/catalog_facts.py.

-- name: list_named_columns
-- Of tables and views, not of partitions, in the order of the table.
select
    class.oid::bigint as table_id,
    attribute.attnum::int as number,
    class.oid::regclass::text as table_name,
    attribute.attname::text as name,
    attribute.attnotnull as is_not_null
from pg_catalog.pg_class as class
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
where
    class.oid::bigint = any(:table_ids)
    and attribute.attnum > 0
    and not attribute.attisdropped
order by class.oid, attribute.attnum;

-- name: list_type_names
-- As SQL writes them, and as pg_type does.
select
    type.oid::bigint as type_id,
    pg_catalog.format_type(type.oid, null) as shown,
    type.typname::text as name
from pg_catalog.pg_type as type
where type.oid::bigint = any(:type_ids)
order by type.oid;

-- name: list_foreign_keys
-- Of tables, not of partitions. What a delete of a row does to those that refer to it, and the
-- index that finds these, if one begins with the columns. A column with a default has a value that
-- no insert names, and a generated one a value that no statement names.
select
    key.conname::text as name,
    key.conrelid::regclass::text as table_name,
    array(
        select attribute.attname::text
        from unnest(key.conkey) with ordinality as number (number, place)
        inner join pg_catalog.pg_attribute as attribute
            on
                key.conrelid = attribute.attrelid
                and number.number = attribute.attnum
        order by number.place
    ) as columns,
    key.confrelid::regclass::text as target,
    array(
        select attribute.attname::text
        from unnest(key.confkey) with ordinality as number (number, place)
        inner join pg_catalog.pg_attribute as attribute
            on
                key.confrelid = attribute.attrelid
                and number.number = attribute.attnum
        order by number.place
    ) as target_columns,
    case key.confdeltype
        when 'c' then 'deletes them'
        when 'n' then 'sets their columns to null'
        when 'd' then 'sets their columns to defaults'
        else 'fails if there are any'
    end as on_delete,
    coalesce(
        (
            select index.indexrelid::regclass::text
            from pg_catalog.pg_index as index
            where
                key.conrelid = index.indrelid
                and index.indisvalid
                and index.indpred is null
                and array(
                    select part.number
                    from unnest(index.indkey) with ordinality as part (number, place)
                    where part.place <= cardinality(key.conkey)
                ) @> key.conkey
            order by index.indexrelid
            limit 1
        ),
        ''
    ) as found_by,
    exists(
        select
        from pg_catalog.pg_attribute as attribute
        where
            key.conrelid = attribute.attrelid
            and attribute.attnum = any(key.conkey)
            and attribute.atthasdef
    ) as has_default,
    exists(
        select
        from pg_catalog.pg_attribute as attribute
        where
            key.conrelid = attribute.attrelid
            and attribute.attnum = any(key.conkey)
            and attribute.attgenerated <> ''
    ) as is_generated
from pg_catalog.pg_constraint as key
inner join pg_catalog.pg_namespace as namespace on key.connamespace = namespace.oid
where
    key.contype = 'f'
    and key.conparentid = 0
    and namespace.nspname::text = any(:schemas::text[])
order by table_name, name;

-- name: list_fired_triggers
-- Of tables, not of partitions, without those that are switched off and those of foreign keys. The
-- columns are those of "update of".
select
    triggers.tgrelid::regclass::text as table_name,
    triggers.tgname::text as name,
    case
        when triggers.tgtype::int & 2 <> 0 then 'before'
        when triggers.tgtype::int & 64 <> 0 then 'instead of'
        else 'after'
    end as moment,
    array_remove(
        array[
            case when triggers.tgtype::int & 4 <> 0 then 'insert' end,
            case when triggers.tgtype::int & 16 <> 0 then 'update' end,
            case when triggers.tgtype::int & 8 <> 0 then 'delete' end,
            case when triggers.tgtype::int & 32 <> 0 then 'truncate' end
        ],
        null
    ) as commands,
    array(
        select attribute.attname::text
        from pg_catalog.pg_attribute as attribute
        where
            triggers.tgrelid = attribute.attrelid
            and attribute.attnum = any(triggers.tgattr)
        order by attribute.attnum
    ) as columns,
    triggers.tgtype::int & 1 <> 0 as is_for_each_row,
    triggers.tgfoid::regprocedure::text as routine
from pg_catalog.pg_trigger as triggers
inner join pg_catalog.pg_class as class on triggers.tgrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    not triggers.tgisinternal
    and triggers.tgparentid = 0
    and triggers.tgenabled <> 'D'
    and namespace.nspname::text = any(:schemas::text[])
order by table_name, name;

-- name: list_routine_texts
-- Functions and procedures, with the SQL that they run.
select
    routine.oid::regprocedure::text as signature,
    pg_catalog.format('%I.%I', namespace.nspname, routine.proname) as name,
    coalesce(pg_catalog.pg_get_function_sqlbody(routine.oid), routine.prosrc) as body
from pg_catalog.pg_proc as routine
inner join pg_catalog.pg_namespace as namespace on routine.pronamespace = namespace.oid
where
    namespace.nspname::text = any(:schemas::text[])
    and routine.prokind in ('f', 'p')
order by signature;

-- name: list_index_sizes
-- In bytes, all partitions together.
select
    pg_catalog.format('%I.%I', namespace.nspname, heap.relname) as table_name,
    index.relname::text as index_name,
    sum(pg_catalog.pg_relation_size(part.oid))::bigint as bytes
from pg_catalog.pg_class as part
inner join pg_catalog.pg_index as definition on part.oid = definition.indexrelid
inner join pg_catalog.pg_class as heap
    on heap.oid = coalesce(
        pg_catalog.pg_partition_root(definition.indrelid), definition.indrelid
    )
inner join pg_catalog.pg_class as index
    on index.oid = coalesce(pg_catalog.pg_partition_root(part.oid), part.oid)
inner join pg_catalog.pg_namespace as namespace on heap.relnamespace = namespace.oid
where
    part.relkind = 'i'
    and namespace.nspname::text = any(:schemas::text[])
group by namespace.nspname, heap.relname, index.relname
order by table_name, index_name;

-- name: list_held_locks
-- Those of a session on tables and views, strongest last. A partition has the name of its table.
select distinct
    coalesce(pg_catalog.pg_partition_root(class.oid), class.oid)::regclass::text as relation,
    locks.mode
from pg_catalog.pg_locks as locks
inner join pg_catalog.pg_class as class on locks.relation = class.oid
where
    locks.pid = :pid
    and locks.locktype = 'relation'
    and locks.database <> 0
    and class.relkind in ('r', 'p', 'v', 'm', 'f')
    and class.relnamespace <> 'pg_catalog'::regnamespace
order by relation, locks.mode;

-- name: list_allowed_roles
-- Of the server's own roles, without superusers: those with all of the privileges, each on a table
-- and one of its columns, and on functions. Of a privilege without a column (''), any column will
-- do. Nobody has a privilege on what is not there.
with relations as (
    select
        class.oid as table_id,
        class.relnamespace as schema_id,
        quote_ident(namespace.nspname) || '.' || quote_ident(class.relname) as table_name
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
),

needed as materialized (
    select
        need.privilege,
        relations.table_id,
        relations.schema_id,
        attribute.attnum as number
    from
        unnest(:tables::text[], :columns::text[], :privileges::text[])
            as need (table_name, column_name, privilege)
    left join relations
        on
            need.table_name = relations.table_name
            and need.privilege in ('select', 'insert', 'update', 'delete')
    left join pg_catalog.pg_attribute as attribute
        on
            relations.table_id = attribute.attrelid
            and need.column_name = attribute.attname
),

called as materialized (
    select function.oid as function_id
    from unnest(:functions::text[]) as named (signature)
    left join pg_catalog.pg_proc as function
        on named.signature = function.oid::regprocedure::text
)

select candidate.rolname::text as name
from pg_catalog.pg_roles as candidate
where
    not candidate.rolsuper
    and candidate.rolname !~ '^pg_'
    and not exists (
        select
        from needed
        where
            not coalesce(
                pg_catalog.has_schema_privilege(candidate.oid, needed.schema_id, 'usage')
                and case
                    when needed.number is not null
                        then pg_catalog.has_column_privilege(
                            candidate.oid, needed.table_id, needed.number, needed.privilege
                        )
                    when needed.privilege = 'delete'
                        then pg_catalog.has_table_privilege(
                            candidate.oid, needed.table_id, needed.privilege
                        )
                    else pg_catalog.has_any_column_privilege(
                        candidate.oid, needed.table_id, needed.privilege
                    )
                end,
                false
            )
    )
    and not exists (
        select
        from called
        where
            not coalesce(
                pg_catalog.has_function_privilege(
                    candidate.oid, called.function_id, 'execute'
                ),
                false
            )
    )
order by name;
