-- The shape of a schema, as far as it decides whether a statement that still prepares does what it
-- did. For databases without rows. Bound in oadb/tools/compat/schema_shapes.py.

-- name: _list_shape_schemas
-- All but those of the server.
select nspname::text as schema_name
from pg_catalog.pg_namespace
where
    nspname !~ '^pg_'
    and nspname <> 'information_schema'
order by nspname;

-- name: _list_shape_columns
-- Those of tables. An identity and a generated column have a default, too.
select
    attribute.attrelid::bigint as table_id,
    attribute.attnum::int as number,
    format('%I.%I', namespace.nspname, class.relname) as table_name,
    quote_ident(attribute.attname) as name,
    pg_catalog.format_type(attribute.atttypid, attribute.atttypmod) as type_name,
    attribute.attnotnull or type.typnotnull as is_not_null,
    case
        when attribute.attidentity <> '' then 'an identity'
        else
            coalesce(
                pg_catalog.pg_get_expr(default_value.adbin, default_value.adrelid, true),
                type.typdefault
            )
    end as default_text
from pg_catalog.pg_attribute as attribute
inner join pg_catalog.pg_class as class on attribute.attrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join pg_catalog.pg_type as type on attribute.atttypid = type.oid
left join pg_catalog.pg_attrdef as default_value
    on
        attribute.attrelid = default_value.adrelid
        and attribute.attnum = default_value.adnum
where
    namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema'
    and class.relkind in ('r', 'p')
    and not class.relispartition
    and attribute.attnum > 0
    and not attribute.attisdropped
order by
    table_name,
    number;

-- name: _list_shape_rules
-- Constraints and unique indexes, with the columns that they look at: of an index also those of its
-- expressions and its condition.
select
    format('%I.%I', namespace.nspname, class.relname) as table_name,
    quote_ident(constraints.conname) as name,
    constraints.contype::text as kind,
    array(
        select quote_ident(attribute.attname)
        from unnest(constraints.conkey) with ordinality as listed (number, place)
        inner join pg_catalog.pg_attribute as attribute
            on
                constraints.conrelid = attribute.attrelid
                and listed.number = attribute.attnum
        order by listed.place
    ) as columns,
    pg_catalog.pg_get_constraintdef(constraints.oid, true) as definition,
    nullif(constraints.confrelid, 0)::regclass::text as referenced,
    constraints.confdeltype in ('a', 'r') as is_restricting
from pg_catalog.pg_constraint as constraints
inner join pg_catalog.pg_class as class on constraints.conrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
where
    namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema'
    and not class.relispartition
    and constraints.contype in ('p', 'u', 'x', 'c', 'f')
    and constraints.conparentid = 0
union all
select
    format('%I.%I', namespace.nspname, class.relname),
    indexes.indexrelid::regclass::text,
    'i',
    array(
        select distinct quote_ident(attribute.attname)
        from pg_catalog.pg_depend as needed
        inner join pg_catalog.pg_attribute as attribute
            on
                needed.refobjid = attribute.attrelid
                and needed.refobjsubid = attribute.attnum
        where
            needed.classid = 'pg_catalog.pg_class'::regclass
            and needed.objid = indexes.indexrelid
            and needed.refclassid = 'pg_catalog.pg_class'::regclass
            and needed.refobjid = indexes.indrelid
    ),
    pg_catalog.pg_get_indexdef(indexes.indexrelid),
    null,
    false
from pg_catalog.pg_index as indexes
inner join pg_catalog.pg_class as class on indexes.indrelid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
left join pg_catalog.pg_constraint as constraints
    on indexes.indexrelid = constraints.conindid and constraints.contype in ('p', 'u', 'x')
where
    namespace.nspname !~ '^pg_'
    and namespace.nspname <> 'information_schema'
    and not class.relispartition
    and indexes.indisunique
    and constraints.oid is null
order by
    table_name,
    name;
