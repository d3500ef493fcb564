-- What runs for a statement that writes beyond its plan. Bound in oadb/tools/plans/unseen_work.py.
-- The lock of plans and the review book both say it by these; the book names tables as SQL does
-- (quoted).

-- name: _list_triggers
-- Those that fire in an ordinary session, without those that PostgreSQL makes for constraints and
-- for partitions. One of a partition counts as one of the partitioned table. Columns are those of
-- "update of". Reads the catalog alone.
select
    namespace.nspname::text as schema_name,
    namespace.nspname || '.' || class.relname as table_name,
    trigger_.tgname::text as name,
    case
        when trigger_.tginitdeferred then 'at commit'
        when (trigger_.tgtype & 64) <> 0 then 'instead of'
        when (trigger_.tgtype & 2) <> 0 then 'before'
        else 'after'
    end as timing,
    array_remove(
        array[
            case when (trigger_.tgtype & 4) <> 0 then 'insert' end,
            case when (trigger_.tgtype & 16) <> 0 then 'update' end,
            case when (trigger_.tgtype & 8) <> 0 then 'delete' end,
            case when (trigger_.tgtype & 32) <> 0 then 'truncate' end
        ],
        null
    ) as events,
    (trigger_.tgtype & 1) <> 0 as is_for_each_row,
    array(
        select attribute.attname::text
        from unnest(trigger_.tgattr::int2[]) as number (number)
        inner join pg_catalog.pg_attribute as attribute
            on
                trigger_.tgrelid = attribute.attrelid
                and number.number = attribute.attnum
        order by attribute.attnum
    ) as columns,
    trigger_.tgqual is not null as is_conditional,
    function_schema.nspname || '.' || function.proname as function_name,
    class.oid::regclass::text as quoted_table,
    function.oid::regprocedure::text as routine
from pg_catalog.pg_trigger as trigger_
inner join pg_catalog.pg_class as class
    on
        class.oid = coalesce(
            pg_catalog.pg_partition_root(trigger_.tgrelid::regclass), trigger_.tgrelid
        )
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_proc as function on trigger_.tgfoid = function.oid
inner join pg_catalog.pg_namespace as function_schema on function.pronamespace = function_schema.oid
where
    not trigger_.tgisinternal
    and trigger_.tgparentid = 0
    and trigger_.tgenabled in ('O', 'A')
order by table_name, name;

-- name: _list_keys
-- Foreign keys of all schemas, not those that PostgreSQL makes for partitions. The index is the
-- smallest one in which the rows that refer to one can be found: a B-tree that begins with the
-- columns in any order, or a hash of the only one, of all rows or of those in which they are not
-- null. Target index: where a new reference is looked up. Set columns: those by which an update
-- changes the reference, also those that it is generated from. Rows: of all partitions, as
-- statistics say. Has default: whether a column has a value that no insert names. Reads the catalog
-- alone.
select
    namespace.nspname::text as schema_name,
    namespace.nspname || '.' || class.relname as table_name,
    key.conname::text as name,
    format('constraint %I on %I.%I', key.conname, namespace.nspname, class.relname) as quoted,
    array(
        select attribute.attname::text
        from unnest(key.conkey) with ordinality as number (number, place)
        inner join pg_catalog.pg_attribute as attribute
            on
                key.conrelid = attribute.attrelid
                and number.number = attribute.attnum
        order by number.place
    ) as columns,
    target_schema.nspname || '.' || target.relname as target,
    array(
        select attribute.attname::text
        from unnest(key.confkey) with ordinality as number (number, place)
        inner join pg_catalog.pg_attribute as attribute
            on
                key.confrelid = attribute.attrelid
                and number.number = attribute.attnum
        order by number.place
    ) as target_columns,
    array(
        select attribute.attname::text
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = key.conrelid
            and (
                attribute.attnum = any(key.conkey)
                or exists (
                    select
                    from pg_catalog.pg_attrdef as generation
                    inner join pg_catalog.pg_depend as source on generation.oid = source.objid
                    where
                        generation.adrelid = key.conrelid
                        and generation.adnum = any(key.conkey)
                        and source.classid = 'pg_catalog.pg_attrdef'::regclass
                        and source.refclassid = 'pg_catalog.pg_class'::regclass
                        and source.refobjid = key.conrelid
                        and source.refobjsubid = attribute.attnum
                )
            )
        order by attribute.attnum
    ) as set_columns,
    case key.confdeltype
        when 'c' then 'cascade'
        when 'n' then 'set null'
        when 'd' then 'set default'
        when 'r' then 'restrict'
        else 'no action'
    end as on_delete,
    case key.confupdtype
        when 'c' then 'cascade'
        when 'n' then 'set null'
        when 'd' then 'set default'
        when 'r' then 'restrict'
        else 'no action'
    end as on_update,
    target_index.relname::text as target_index,
    (
        select index_class.relname::text
        from pg_catalog.pg_index as index
        inner join pg_catalog.pg_class as index_class on index.indexrelid = index_class.oid
        inner join pg_catalog.pg_am on index_class.relam = pg_am.oid
        where
            index.indrelid = key.conrelid
            and index.indisvalid
            and index.indnkeyatts >= cardinality(key.conkey)
            and (pg_am.amname = 'btree' or pg_am.amname = 'hash')
            and not exists (
                select
                from
                    unnest(index.indkey::int2[], index.indcollation::oid[])
                    with ordinality as part (number, collation_id, place)
                left join pg_catalog.pg_attribute as attribute
                    on
                        key.conrelid = attribute.attrelid
                        and part.number = attribute.attnum
                where
                    part.place <= cardinality(key.conkey)
                    and (
                        part.number <> all(key.conkey)
                        or part.collation_id <> attribute.attcollation
                    )
            )
            and (
                index.indpred is null
                or pg_catalog.pg_get_expr(index.indpred, key.conrelid) in (
                    select '(' || pg_catalog.quote_ident(attribute.attname) || ' IS NOT NULL)'
                    from pg_catalog.pg_attribute as attribute
                    where
                        attribute.attrelid = key.conrelid
                        and attribute.attnum = any(key.conkey)
                )
            )
        order by index.indnatts, index_class.relname
        limit 1
    ) as index_name,
    coalesce(
        (
            select sum(greatest(part.reltuples, 0))
            from pg_catalog.pg_partition_tree(key.conrelid::regclass) as tree
            inner join pg_catalog.pg_class as part on tree.relid = part.oid
        ),
        greatest(class.reltuples, 0)
    )::float8 as rows,
    coalesce(pg_catalog.obj_description(key.oid, 'pg_constraint'), '') as comment,
    class.oid::regclass::text as quoted_table,
    target.oid::regclass::text as quoted_target,
    exists(
        select
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = key.conrelid
            and attribute.attnum = any(key.conkey)
            and attribute.atthasdef
    ) as has_default
from pg_catalog.pg_constraint as key
inner join pg_catalog.pg_class as class on key.conrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_class as target on key.confrelid = target.oid
inner join pg_catalog.pg_namespace as target_schema on target.relnamespace = target_schema.oid
inner join pg_catalog.pg_class as target_index on key.conindid = target_index.oid
where
    key.contype = 'f'
    and key.conparentid = 0
order by table_name, name;

-- name: list_functions
-- Those of some names, schema.name, whose body PostgreSQL runs as statements.
select distinct
    namespace.nspname || '.' || function.proname as name,
    pg_language.lanname::text as language
from pg_catalog.pg_proc as function
inner join pg_catalog.pg_namespace as namespace on function.pronamespace = namespace.oid
inner join pg_catalog.pg_language on function.prolang = pg_language.oid
where
    namespace.nspname || '.' || function.proname = any(:names)
    and pg_language.lanname not in ('internal', 'c')
order by name, language;
