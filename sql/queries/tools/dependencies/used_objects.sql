-- Objects of schemas that something may use. Bound in oadb/tools/dependencies/used_objects.py.
-- All of them read the catalog alone. Partitions are left out, but for grants on them.

-- name: list_columns
-- The columns of tables, with what besides statements reads them. The body of a function is a text:
-- that of a trigger of the table counts if it names the column, any other if it names both.
with bodies as (
    select
        function.oid as function_id,
        function.oid::regprocedure::text as function_name,
        regexp_split_to_array(function.prosrc, '\W+') as words
    from pg_catalog.pg_proc as function
    inner join pg_catalog.pg_namespace as namespace on function.pronamespace = namespace.oid
    inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
)

select
    format('%I.%I', namespace.nspname, class.relname) as table_name,
    attribute.attname::text as column_name,
    array(
        select
            case
                when constraints.contype = 'f' then 'foreign key '
                else 'key '
            end || constraints.conname
        from pg_catalog.pg_constraint as constraints
        where
            constraints.contype in ('p', 'u', 'x', 'f')
            and (
                (constraints.conrelid = class.oid and attribute.attnum = any(constraints.conkey))
                or (
                    constraints.confrelid = class.oid
                    and attribute.attnum = any(constraints.confkey)
                )
            )
        union
        select named.kind || ' ' || named.identity
        from pg_catalog.pg_depend
        cross join
            lateral pg_catalog.pg_identify_object(
                pg_depend.classid, pg_depend.objid, pg_depend.objsubid
            ) as named (kind, schema_name, object_name, identity)
        where
            pg_depend.refclassid = 'pg_catalog.pg_class'::regclass
            and pg_depend.refobjid = class.oid
            and pg_depend.refobjsubid = attribute.attnum
            and (
                pg_depend.classid in (
                    'pg_catalog.pg_policy'::regclass,
                    'pg_catalog.pg_trigger'::regclass,
                    'pg_catalog.pg_proc'::regclass
                )
                -- Of a generated column, what it is computed from.
                or (
                    pg_depend.classid = 'pg_catalog.pg_attrdef'::regclass
                    and pg_depend.deptype = 'n'
                )
            )
        union
        select 'function ' || bodies.function_name
        from bodies
        where
            attribute.attname = any(bodies.words)
            and (
                class.relname = any(bodies.words)
                or exists (
                    select
                    from pg_catalog.pg_trigger as triggers
                    where
                        triggers.tgrelid = class.oid
                        and triggers.tgfoid = bodies.function_id
                )
            )
    ) as readers
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
where
    class.relkind in ('r', 'p')
    and not class.relispartition
    and attribute.attnum > 0
    and not attribute.attisdropped
order by
    table_name,
    attribute.attnum;

-- name: list_indexes
-- Those that only make statements fast: a unique one is a rule. One that begins with the columns of
-- a foreign key finds the rows of what is deleted there.
select
    format('%I.%I', namespace.nspname, class.relname) as name,
    format('%I.%I', namespace.nspname, indexed.relname) as table_name,
    exists(
        select
        from pg_catalog.pg_constraint as constraints
        where
            constraints.conrelid = indexed.oid
            and constraints.contype = 'f'
            and array(
                select part.attnum
                from unnest(index.indkey) with ordinality as part (attnum, place)
                where part.place <= cardinality(constraints.conkey)
            ) @> constraints.conkey
    ) as serves_foreign_key
from pg_catalog.pg_index as index
inner join pg_catalog.pg_class as class on index.indexrelid = class.oid
inner join pg_catalog.pg_class as indexed on index.indrelid = indexed.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
where
    not class.relispartition
    and not index.indisunique
    and not index.indisexclusion
order by name;

-- name: list_grants
-- What roles may do with tables and views, but for their owners; '' where it is all columns.
select
    coalesce(grantee.rolname::text, 'public') as role_name,
    format('%I.%I', namespace.nspname, class.relname) as table_name,
    lower(acl.privilege_type) as privilege,
    '' as column_name
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
cross join lateral pg_catalog.aclexplode(class.relacl) as acl
left join pg_catalog.pg_roles as grantee on acl.grantee = grantee.oid
where
    class.relkind in ('r', 'p', 'v', 'm')
    and acl.grantee <> class.relowner
union all
select
    coalesce(grantee.rolname::text, 'public'),
    format('%I.%I', namespace.nspname, class.relname),
    lower(acl.privilege_type),
    attribute.attname::text
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
cross join lateral pg_catalog.aclexplode(attribute.attacl) as acl
left join pg_catalog.pg_roles as grantee on acl.grantee = grantee.oid
where
    class.relkind in ('r', 'p', 'v', 'm')
    and acl.grantee <> class.relowner
order by
    table_name,
    role_name,
    privilege,
    column_name;

-- name: list_memberships
-- Which roles have, besides their own, the privileges of others.
select
    member.rolname::text as role_name,
    whole.rolname::text as inherited_name
from pg_catalog.pg_roles as member
cross join pg_catalog.pg_roles as whole
where
    member.oid <> whole.oid
    and not member.rolsuper
    and pg_catalog.pg_has_role(member.oid, whole.oid, 'usage')
order by
    role_name,
    inherited_name;

-- name: list_objects
-- What can be asked about: tables, views, their columns, indexes, sequences, functions, types and
-- constraints. The name is quoted where it must be, the parts of it are as they are.
with object (class_id, object_id, sub_id, schema_name, relation_name, own_name) as (
    select
        'pg_catalog.pg_class'::regclass,
        class.oid,
        0,
        wanted.name,
        class.relname::text,
        class.relname::text
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
    where
        class.relkind in ('r', 'p', 'v', 'm', 'i', 'I', 'S')
        and not class.relispartition
    union all
    select
        'pg_catalog.pg_class'::regclass,
        class.oid,
        attribute.attnum::int,
        wanted.name,
        class.relname::text,
        attribute.attname::text
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
    inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
    where
        class.relkind in ('r', 'p', 'v', 'm')
        and not class.relispartition
        and attribute.attnum > 0
        and not attribute.attisdropped
    union all
    select
        'pg_catalog.pg_proc'::regclass,
        function.oid,
        0,
        wanted.name,
        '',
        function.proname::text
    from pg_catalog.pg_proc as function
    inner join pg_catalog.pg_namespace as namespace on function.pronamespace = namespace.oid
    inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
    union all
    select
        'pg_catalog.pg_type'::regclass,
        type.oid,
        0,
        wanted.name,
        '',
        type.typname::text
    from pg_catalog.pg_type as type
    inner join pg_catalog.pg_namespace as namespace on type.typnamespace = namespace.oid
    inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
    left join pg_catalog.pg_class as class on type.typrelid = class.oid
    where
        type.typtype in ('e', 'd', 'r', 'c')
        and coalesce(class.relkind, 'c') = 'c'
    union all
    select
        'pg_catalog.pg_constraint'::regclass,
        constraints.oid,
        0,
        wanted.name,
        '',
        constraints.conname::text
    from pg_catalog.pg_constraint as constraints
    inner join pg_catalog.pg_namespace as namespace on constraints.connamespace = namespace.oid
    inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
    left join pg_catalog.pg_class as class on constraints.conrelid = class.oid
    where
        not coalesce(class.relispartition, false)
        and constraints.contype <> 'n'
)

select
    named.kind,
    named.identity as name,
    object.schema_name,
    case
        when object.relation_name = '' then ''
        else format('%I.%I', object.schema_name, object.relation_name)
    end as table_name,
    object.relation_name,
    object.own_name,
    object.class_id::oid::bigint as class_id,
    object.object_id::bigint as object_id,
    object.sub_id
from object
cross join
    lateral pg_catalog.pg_identify_object(
        object.class_id, object.object_id, object.sub_id
    ) as named (kind, schema_name, object_name, identity)
order by
    name,
    named.kind;

-- name: list_dependents
-- What depends on an object; of a table, also on its columns. The rule of a view is the view, the
-- default of a column the column. Parts of the object itself, partitions and NOT NULL are left out.
select distinct
    named.kind,
    named.identity as name
from pg_catalog.pg_depend
left join pg_catalog.pg_rewrite as rewrite
    on
        pg_depend.classid = 'pg_catalog.pg_rewrite'::regclass
        and pg_depend.objid = rewrite.oid
left join pg_catalog.pg_attrdef as attrdef
    on
        pg_depend.classid = 'pg_catalog.pg_attrdef'::regclass
        and pg_depend.objid = attrdef.oid
left join pg_catalog.pg_constraint as constraints
    on
        pg_depend.classid = 'pg_catalog.pg_constraint'::regclass
        and pg_depend.objid = constraints.oid
left join pg_catalog.pg_class as class
    on
        coalesce(
            rewrite.ev_class,
            constraints.conrelid,
            case when pg_depend.classid = 'pg_catalog.pg_class'::regclass then pg_depend.objid end
        ) = class.oid
cross join
    lateral pg_catalog.pg_identify_object(
        case
            when coalesce(rewrite.ev_class, attrdef.adrelid) is null then pg_depend.classid
            else 'pg_catalog.pg_class'::regclass
        end,
        coalesce(rewrite.ev_class, attrdef.adrelid, pg_depend.objid),
        coalesce(
            attrdef.adnum::int, case when rewrite.ev_class is null then pg_depend.objsubid end, 0
        )
    ) as named (kind, schema_name, object_name, identity)
where
    pg_depend.refclassid::bigint = :class_id
    and pg_depend.refobjid::bigint = :object_id
    and (pg_depend.refobjsubid = :sub_id or :sub_id = 0)
    and not coalesce(class.relispartition, false)
    and coalesce(class.relkind, '') <> 't'
    and named.kind not in ('toast table', 'type')
    and coalesce(constraints.contype, '') <> 'n'
    and not (
        coalesce(
            rewrite.ev_class,
            attrdef.adrelid,
            case when pg_depend.classid = 'pg_catalog.pg_class'::regclass then pg_depend.objid end,
            0::oid
        )::bigint = :object_id
        and (:sub_id = 0 or coalesce(attrdef.adnum::int, pg_depend.objsubid) in (0, :sub_id))
    )
order by
    named.kind,
    name;

-- name: list_functions_naming
-- The functions whose text has all of these words: PostgreSQL does not know what such a body uses.
select function.oid::regprocedure::text as name
from pg_catalog.pg_proc as function
inner join pg_catalog.pg_namespace as namespace on function.pronamespace = namespace.oid
inner join unnest(:schemas::text[]) as wanted (name) on namespace.nspname = wanted.name
where
    function.prosqlbody is null
    and regexp_split_to_array(function.prosrc, '\W+') @> :words::text[]
order by name;
