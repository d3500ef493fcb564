-- What statements use. Bound in oadb/tools/dependencies/statement_uses.py.

-- name: _list_types
-- How a function names the types of its parameters.
select
    type_ids.type_id,
    pg_catalog.format_type(type_ids.type_id::oid, null) as name
from unnest(:type_ids::bigint[]) as type_ids (type_id)
order by type_ids.type_id;

-- name: _list_bodies
-- The functions that this session made of statements, whose body is kept as PostgreSQL understood
-- it. Objects of the server itself are in no pg_depend, tables and columns are in the body.
select
    function.proname::text as name,
    function.prosqlbody::text as body,
    array(
        select named.kind || ' ' || named.identity
        from pg_catalog.pg_depend
        left join pg_catalog.pg_class as class
            on
                pg_depend.refclassid = 'pg_catalog.pg_class'::regclass
                and pg_depend.refobjid = class.oid
        cross join
            lateral pg_catalog.pg_identify_object(
                pg_depend.refclassid, pg_depend.refobjid, pg_depend.refobjsubid
            ) as named (kind, schema_name, object_name, identity)
        where
            pg_depend.classid = 'pg_catalog.pg_proc'::regclass
            and pg_depend.objid = function.oid
            and pg_depend.refclassid <> 'pg_catalog.pg_namespace'::regclass
            and (class.oid is null or class.relkind = 'S')
        order by named.kind
    ) as objects
from pg_catalog.pg_proc as function
where function.pronamespace = pg_catalog.pg_my_temp_schema()
order by function.proname;

-- name: _list_relations
-- Tables and views by their numbers, with the names of their columns in order; '' was dropped. Of
-- a view, its query as PostgreSQL understood it, and what that uses besides tables.
select
    class.oid::bigint as relation_id,
    format('%I.%I', namespace.nspname, class.relname) as name,
    array(
        select case when attribute.attisdropped then '' else attribute.attname::text end
        from pg_catalog.pg_attribute as attribute
        where
            attribute.attrelid = class.oid
            and attribute.attnum > 0
        order by attribute.attnum
    ) as columns,
    coalesce(
        (
            select option.option_value::boolean
            from pg_catalog.pg_options_to_table(class.reloptions) as option
            where option.option_name = 'security_invoker'
        ),
        false
    ) as is_invoker,
    rewrite.ev_action::text as body,
    array(
        select named.kind || ' ' || named.identity
        from pg_catalog.pg_depend
        cross join
            lateral pg_catalog.pg_identify_object(
                pg_depend.refclassid, pg_depend.refobjid, pg_depend.refobjsubid
            ) as named (kind, schema_name, object_name, identity)
        where
            pg_depend.classid = 'pg_catalog.pg_rewrite'::regclass
            and pg_depend.objid = rewrite.oid
            and pg_depend.refclassid <> 'pg_catalog.pg_class'::regclass
        order by named.kind
    ) as objects
from pg_catalog.pg_class as class
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
left join pg_catalog.pg_rewrite as rewrite
    on class.oid = rewrite.ev_class and rewrite.rulename = '_RETURN' and class.relkind = 'v'
where class.oid::bigint = any(:relation_ids)
order by name;
