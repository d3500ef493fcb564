-- The objects of some schemas; the head of sql/schema.sql says what is left out. Columns and
-- constraints are in order, oadb/tools/schema.py sorts the rest.

-- name: _fix_output
-- Until the end of the transaction, names have their schema, and dates, intervals and
-- numbers one form, whatever the role or the server prefers.
select
    pg_catalog.set_config('search_path', '', true)
    || pg_catalog.set_config('quote_all_identifiers', 'off', true)
    || pg_catalog.set_config('bytea_output', 'hex', true)
    || pg_catalog.set_config('datestyle', 'ISO, YMD', true)
    || pg_catalog.set_config('extra_float_digits', '1', true)
    || pg_catalog.set_config('intervalstyle', 'postgres', true)
    || pg_catalog.set_config('timezone', 'UTC', true) as output;

-- name: _list_schema_ids
-- Of those that exist, in the order of the names.
select namespace.oid::bigint as schema_id
from unnest(:names::text[]) with ordinality as given (name, place)
inner join pg_catalog.pg_namespace as namespace on given.name = namespace.nspname
order by given.place;

-- name: _list_relation_ids
-- Tables and views, without the partitions of a time and what is in them, and without yoyo's
-- tables, which are in the schema with the name of the role that migrated. Partitions of a list or
-- of a hash are made by migrations, and so are default ones.
select class.oid::bigint as relation_id
from pg_catalog.pg_class as class
where
    class.relnamespace::bigint = any(:schema_ids)
    and class.relkind in ('r', 'p', 'v', 'm')
    and class.relname not in (
        '_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock', 'oadb_migration_lock'
    )
    and not exists (
        select
        from pg_catalog.pg_partition_ancestors(class.oid) as line (relation_id)
        inner join pg_catalog.pg_class as part on line.relation_id = part.oid
        inner join pg_catalog.pg_inherits as inherits on part.oid = inherits.inhrelid
        inner join pg_catalog.pg_partitioned_table as whole
            on inherits.inhparent = whole.partrelid
        where
            part.relispartition
            and whole.partstrat = 'r'
            and pg_catalog.pg_get_expr(part.relpartbound, part.oid) <> 'DEFAULT'
    );

-- name: _list_schemas
select
    namespace.oid::regnamespace::text as part_of,
    'schema' as kind,
    namespace.oid::regnamespace::text as name,
    'create schema ' || namespace.oid::regnamespace::text as definition,
    pg_catalog.obj_description(namespace.oid, 'pg_namespace') as description
from pg_catalog.pg_namespace as namespace
where namespace.oid::bigint = any(:schema_ids);

-- name: _list_extensions
-- Those that an index needs, and the schema of each.
select distinct
    extension.extname::text as part_of,
    'extension' as kind,
    extension.extname::text as name,
    'create extension ' || quote_ident(extension.extname) || ' schema '
    || extension.extnamespace::regnamespace::text as definition,
    null::text as description
from pg_catalog.pg_class as class
inner join pg_catalog.pg_depend as needed
    on
        needed.classid = 'pg_catalog.pg_class'::regclass
        and class.oid = needed.objid
inner join pg_catalog.pg_depend as member
    on
        needed.refclassid = member.classid
        and needed.refobjid = member.objid
        and member.deptype = 'e'
inner join pg_catalog.pg_extension as extension
    on
        member.refclassid = 'pg_catalog.pg_extension'::regclass
        and member.refobjid = extension.oid
where
    class.relnamespace::bigint = any(:schema_ids)
    and class.relkind in ('i', 'I');

-- name: _list_tables
-- With "(...)" where columns and constraints belong.
select
    class.oid::regclass::text as part_of,
    'table' as kind,
    class.oid::regclass::text as name,
    concat_ws(
        ' ',
        case class.relpersistence when 'u' then 'create unlogged table' else 'create table' end,
        class.oid::regclass::text,
        'partition of ' || inherits.inhparent::regclass::text,
        '(...)',
        pg_catalog.pg_get_expr(class.relpartbound, class.oid),
        'partition by ' || pg_catalog.pg_get_partkeydef(class.oid),
        'using ' || method.amname,
        'with (' || array_to_string(class.reloptions, ', ') || ')',
        case when class.relreplident <> 'd' then 'replica identity ' || class.relreplident::text end
    ) as definition,
    pg_catalog.obj_description(class.oid, 'pg_class') as description
from pg_catalog.pg_class as class
left join pg_catalog.pg_inherits as inherits on class.oid = inherits.inhrelid
left join pg_catalog.pg_am as method on class.relam = method.oid and method.amname <> 'heap'
where
    class.oid::bigint = any(:relation_ids)
    and class.relkind in ('r', 'p');

-- name: _list_views
-- With their options, such as security_invoker.
select
    class.oid::regclass::text as part_of,
    case class.relkind when 'm' then 'materialized view' else 'view' end as kind,
    class.oid::regclass::text as name,
    concat_ws(
        ' ',
        case class.relkind when 'm' then 'create materialized view' else 'create view' end,
        class.oid::regclass::text,
        'with (' || array_to_string(class.reloptions, ', ') || ')',
        'as'
    )
    || E'\n' || rtrim(pg_catalog.pg_get_viewdef(class.oid, true), ';') as definition,
    pg_catalog.obj_description(class.oid, 'pg_class') as description
from pg_catalog.pg_class as class
where
    class.oid::bigint = any(:relation_ids)
    and class.relkind in ('v', 'm');

-- name: _list_columns
-- In the order of the table. Of a partition, those that differ from its table's;
-- before PostgreSQL 17 they are no identities. Of an identity, unusual options.
with columns as (
    select
        attribute.attrelid,
        attribute.attnum,
        attribute.attname,
        concat_ws(
            ' ',
            pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
            case
                when attribute.attcollation <> type.typcollation
                    then 'collate ' || attribute.attcollation::regcollation::text
            end,
            case when attribute.attnotnull then 'not null' end,
            case attribute.attgenerated when '' then 'default ' else 'generated always as (' end
            || pg_catalog.pg_get_expr(default_value.adbin, default_value.adrelid, true)
            || case attribute.attgenerated
                when 's' then ') stored' when 'v' then ') virtual' else ''
            end,
            case
                when attribute.attstorage <> type.typstorage
                    then 'storage ' || attribute.attstorage::text
            end,
            'compression ' || nullif(attribute.attcompression::text, ''),
            'statistics ' || nullif(attribute.attstattarget, -1)
        ) as definition,
        case attribute.attidentity
            when 'a' then ' generated always as identity'
            when 'd' then ' generated by default as identity'
            else ''
        end
        || case
            when
                (
                    sequence.seqstart, sequence.seqincrement, sequence.seqmin, sequence.seqmax,
                    sequence.seqcache, sequence.seqcycle
                ) <> (1, 1, 1, 9223372036854775807, 1, false)
                then
                    format(
                        ' (start %s increment %s minvalue %s maxvalue %s cache %s cycle %s)',
                        sequence.seqstart, sequence.seqincrement, sequence.seqmin, sequence.seqmax,
                        sequence.seqcache, sequence.seqcycle
                    )
            else ''
        end as identity,
        pg_catalog.col_description(attribute.attrelid, attribute.attnum) as description
    from pg_catalog.pg_attribute as attribute
    inner join pg_catalog.pg_type as type on attribute.atttypid = type.oid
    left join pg_catalog.pg_attrdef as default_value
        on
            attribute.attrelid = default_value.adrelid
            and attribute.attnum = default_value.adnum
    left join pg_catalog.pg_sequence as sequence
        on
            attribute.attidentity <> ''
            and pg_catalog.pg_get_serial_sequence(
                attribute.attrelid::regclass::text, attribute.attname
            )::regclass = sequence.seqrelid
    where
        attribute.attrelid::bigint = any(:relation_ids)
        and attribute.attnum > 0
        and not attribute.attisdropped
)

select
    columns.attrelid::regclass::text as part_of,
    'column' as kind,
    columns.attrelid::regclass::text || '.' || quote_ident(columns.attname) as name,
    columns.definition || columns.identity as definition,
    columns.description
from columns
left join pg_catalog.pg_inherits as inherits on columns.attrelid = inherits.inhrelid
left join columns as originals
    on
        inherits.inhparent = originals.attrelid
        and columns.attname = originals.attname
where
    originals.definition is distinct from columns.definition
    or columns.description is not null
    or inherits.inhrelid is null
order by
    columns.attrelid,
    columns.attnum;

-- name: _list_constraints
-- Keys before checks before foreign keys. Not null is shown with the column, and
-- what a partition has from its table, with the table.
select
    constraints.conrelid::regclass::text as part_of,
    'constraint' as kind,
    quote_ident(constraints.conname) || ' on ' || constraints.conrelid::regclass::text as name,
    'constraint ' || quote_ident(constraints.conname) || ' '
    || pg_catalog.pg_get_constraintdef(constraints.oid, true) as definition,
    pg_catalog.obj_description(constraints.oid, 'pg_constraint') as description
from pg_catalog.pg_constraint as constraints
where
    constraints.conrelid::bigint = any(:relation_ids)
    and constraints.contype in ('p', 'u', 'x', 'c', 'f')
    and constraints.conislocal
    and constraints.conparentid = 0
order by
    position(constraints.contype::text in 'puxcf'),
    constraints.conname;

-- name: _list_indexes
-- Without those of constraints, and those that a partition has from its table. And what was made by
-- "create statistics".
select
    indexes.indrelid::regclass::text as part_of,
    'index' as kind,
    indexes.indexrelid::regclass::text as name,
    pg_catalog.pg_get_indexdef(indexes.indexrelid)
    || case when indexes.indisvalid then '' else ' invalid' end as definition,
    pg_catalog.obj_description(indexes.indexrelid, 'pg_class') as description
from pg_catalog.pg_index as indexes
left join pg_catalog.pg_constraint as constraints
    on indexes.indexrelid = constraints.conindid and constraints.contype in ('p', 'u', 'x')
left join pg_catalog.pg_inherits as inherits on indexes.indexrelid = inherits.inhrelid
where
    indexes.indrelid::bigint = any(:relation_ids)
    and constraints.oid is null
    and inherits.inhrelid is null
union all
select
    extended.stxrelid::regclass::text as part_of,
    'statistics' as kind,
    pg_catalog.format('%I.%I', namespace.nspname, extended.stxname) as name,
    pg_catalog.pg_get_statisticsobjdef(extended.oid) as definition,
    pg_catalog.obj_description(extended.oid, 'pg_statistic_ext') as description
from pg_catalog.pg_statistic_ext as extended
inner join pg_catalog.pg_namespace as namespace on extended.stxnamespace = namespace.oid
where extended.stxrelid::bigint = any(:relation_ids);

-- name: _list_row_security
-- Tables where it is enabled or forced.
select
    class.oid::regclass::text as part_of,
    'row security' as kind,
    class.oid::regclass::text as name,
    'alter table ' || class.oid::regclass::text || ' '
    || concat_ws(
        ', ',
        case when class.relrowsecurity then 'enable row level security' end,
        case when class.relforcerowsecurity then 'force row level security' end
    ) as definition,
    null::text as description
from pg_catalog.pg_class as class
where
    class.oid::bigint = any(:relation_ids)
    and (class.relrowsecurity or class.relforcerowsecurity);

-- name: _list_policies
-- The owner of the table is called oadb_owner.
with grantees as (
    select distinct
        policy.oid as policy_id,
        case pg_roles.oid when class.relowner then 'oadb_owner' else pg_roles.rolname end as name
    from pg_catalog.pg_policy as policy
    inner join pg_catalog.pg_class as class on policy.polrelid = class.oid
    inner join pg_catalog.pg_roles on pg_roles.oid = any(policy.polroles)
),

roles as (
    select
        policy_id,
        string_agg(quote_ident(name), ', ' order by name) as names
    from grantees
    group by policy_id
)

select
    policy.polrelid::regclass::text as part_of,
    'policy' as kind,
    quote_ident(policy.polname) || ' on ' || policy.polrelid::regclass::text as name,
    concat_ws(
        ' ',
        'create policy',
        quote_ident(policy.polname),
        'on',
        policy.polrelid::regclass::text,
        case when not policy.polpermissive then 'as restrictive' end,
        case policy.polcmd
            when 'r' then 'for select'
            when 'a' then 'for insert'
            when 'w' then 'for update'
            when 'd' then 'for delete'
            else 'for all'
        end,
        'to',
        coalesce(roles.names, 'public')
    )
    || coalesce(
        E'\nusing (' || pg_catalog.pg_get_expr(policy.polqual, policy.polrelid, true) || ')', ''
    )
    || coalesce(
        E'\nwith check ('
        || pg_catalog.pg_get_expr(policy.polwithcheck, policy.polrelid, true) || ')',
        ''
    ) as definition,
    pg_catalog.obj_description(policy.oid, 'pg_policy') as description
from pg_catalog.pg_policy as policy
left join roles on policy.oid = roles.policy_id
where policy.polrelid::bigint = any(:relation_ids);

-- name: _list_triggers
-- And rules.
select
    triggers.tgrelid::regclass::text as part_of,
    'trigger' as kind,
    quote_ident(triggers.tgname) || ' on ' || triggers.tgrelid::regclass::text as name,
    pg_catalog.pg_get_triggerdef(triggers.oid, true)
    || case triggers.tgenabled when 'O' then '' else ' enabled ' || triggers.tgenabled::text end
        as definition,
    pg_catalog.obj_description(triggers.oid, 'pg_trigger') as description
from pg_catalog.pg_trigger as triggers
where
    triggers.tgrelid::bigint = any(:relation_ids)
    and not triggers.tgisinternal
    and triggers.tgparentid = 0
union all
select
    rules.ev_class::regclass::text as part_of,
    'rule' as kind,
    quote_ident(rules.rulename) || ' on ' || rules.ev_class::regclass::text as name,
    pg_catalog.pg_get_ruledef(rules.oid, true) as definition,
    pg_catalog.obj_description(rules.oid, 'pg_rewrite') as description
from pg_catalog.pg_rewrite as rules
where
    rules.ev_class::bigint = any(:relation_ids)
    and rules.rulename <> '_RETURN';

-- name: _list_event_triggers
-- Those that run a function of the schemas.
select
    quote_ident(triggers.evtname) as part_of,
    'event trigger' as kind,
    quote_ident(triggers.evtname) as name,
    concat_ws(
        ' ',
        'create event trigger',
        quote_ident(triggers.evtname),
        'on',
        triggers.evtevent,
        (
            select
                'when tag in ('
                || string_agg(quote_literal(tag.name), ', ' order by tag.name) || ')'
            from unnest(triggers.evttags) as tag (name)
        ),
        'execute function',
        triggers.evtfoid::regprocedure::text
    )
    || case triggers.evtenabled when 'O' then '' else ' enabled ' || triggers.evtenabled::text end
        as definition,
    pg_catalog.obj_description(triggers.oid, 'pg_event_trigger') as description
from pg_catalog.pg_event_trigger as triggers
inner join pg_catalog.pg_proc as routine on triggers.evtfoid = routine.oid
where routine.pronamespace::bigint = any(:schema_ids);

-- name: _list_routines
select
    routine.oid::regprocedure::text as part_of,
    case routine.prokind when 'p' then 'procedure' else 'function' end as kind,
    routine.oid::regprocedure::text as name,
    pg_catalog.pg_get_functiondef(routine.oid) as definition,
    pg_catalog.obj_description(routine.oid, 'pg_proc') as description
from pg_catalog.pg_proc as routine
where
    routine.pronamespace::bigint = any(:schema_ids)
    and routine.prokind in ('f', 'p');

-- name: _list_types
-- Enums, composite types and domains.
with labels as (
    select
        enum.enumtypid as type_id,
        string_agg(quote_literal(enum.enumlabel), E',\n    ' order by enum.enumsortorder) as listed
    from pg_catalog.pg_enum as enum
    group by enum.enumtypid
),

attributes as (
    select
        class.reltype as type_id,
        string_agg(
            quote_ident(attribute.attname) || ' '
            || pg_catalog.format_type(attribute.atttypid, attribute.atttypmod),
            E',\n    ' order by attribute.attnum
        ) as listed
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
    where
        class.relnamespace::bigint = any(:schema_ids)
        and class.relkind = 'c'
        and attribute.attnum > 0
        and not attribute.attisdropped
    group by class.reltype
),

checks as (
    select
        constraints.contypid as type_id,
        string_agg(
            E'\n    constraint ' || quote_ident(constraints.conname) || ' '
            || pg_catalog.pg_get_constraintdef(constraints.oid, true),
            '' order by constraints.conname
        ) as listed
    from pg_catalog.pg_constraint as constraints
    where constraints.contype = 'c'
    group by constraints.contypid
)

select
    type.oid::regtype::text as part_of,
    'type' as kind,
    type.oid::regtype::text as name,
    case type.typtype
        when 'd'
            then
                concat_ws(
                    ' ',
                    'create domain',
                    type.oid::regtype::text,
                    'as',
                    pg_catalog.format_type(type.typbasetype, type.typtypmod),
                    case
                        when type.typcollation <> base.typcollation
                            then 'collate ' || type.typcollation::regcollation::text
                    end,
                    case when type.typnotnull then 'not null' end,
                    'default ' || type.typdefault
                ) || coalesce(checks.listed, '')
        else
            concat(
                'create type ', type.oid::regtype::text,
                case type.typtype when 'e' then ' as enum' else ' as' end,
                E' (\n    ', labels.listed, attributes.listed, E'\n)'
            )
    end as definition,
    pg_catalog.obj_description(type.oid, 'pg_type') as description
from pg_catalog.pg_type as type
left join pg_catalog.pg_type as base on type.typbasetype = base.oid
left join pg_catalog.pg_class as class on type.typrelid = class.oid
left join labels on type.oid = labels.type_id
left join attributes on type.oid = attributes.type_id
left join checks on type.oid = checks.type_id
where
    type.typnamespace::bigint = any(:schema_ids)
    and (type.typtype in ('e', 'd') or class.relkind = 'c');

-- name: _list_grants
-- One object for each grantee of a schema, table, view, sequence or routine, without
-- its owner; privileges on columns are joined by privilege.
with granted as (
    select
        namespace.oid::regnamespace::text as part_of,
        'schema' as kind,
        namespace.nspowner as owner_id,
        null::smallint as column_number,
        null::name as column_name,
        coalesce(
            namespace.nspacl, pg_catalog.acldefault('n', namespace.nspowner)
        ) as acl
    from pg_catalog.pg_namespace as namespace
    where namespace.oid::bigint = any(:schema_ids)
    union all
    select
        class.oid::regclass::text,
        case class.relkind when 'S' then 'sequence' else 'table' end,
        class.relowner,
        null,
        null,
        class.relacl
    from pg_catalog.pg_class as class
    where
        class.oid::bigint = any(:relation_ids)
        or (class.relnamespace::bigint = any(:schema_ids) and class.relkind = 'S')
    union all
    select
        class.oid::regclass::text,
        'table',
        class.relowner,
        attribute.attnum,
        attribute.attname,
        attribute.attacl
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_attribute as attribute on class.oid = attribute.attrelid
    where
        class.oid::bigint = any(:relation_ids)
        and not attribute.attisdropped
    union all
    select
        routine.oid::regprocedure::text,
        case routine.prokind when 'p' then 'procedure' else 'function' end,
        routine.proowner,
        null,
        null,
        coalesce(routine.proacl, pg_catalog.acldefault('f', routine.proowner))
    from pg_catalog.pg_proc as routine
    where routine.pronamespace::bigint = any(:schema_ids)
),

privileges as (
    select
        granted.part_of,
        granted.kind,
        case entry.grantee when 0 then 'public' else entry.grantee::regrole::text end as grantee,
        entry.is_grantable,
        lower(entry.privilege_type)
        || coalesce(
            ' (' || string_agg(
                quote_ident(granted.column_name), ', ' order by granted.column_number
            ) || ')',
            ''
        ) as privilege
    from granted
    cross join lateral pg_catalog.aclexplode(granted.acl) as entry
    where entry.grantee <> granted.owner_id
    group by
        granted.part_of,
        granted.kind,
        entry.grantee,
        entry.is_grantable,
        entry.privilege_type,
        granted.column_number is null
)

select
    privileges.part_of,
    case when privileges.is_grantable then 'grant option' else 'grant' end as kind,
    privileges.part_of || ' to ' || privileges.grantee as name,
    'grant ' || string_agg(privileges.privilege, ', ' order by privileges.privilege)
    || ' on ' || privileges.kind || ' ' || privileges.part_of || ' to ' || privileges.grantee
    || case when privileges.is_grantable then ' with grant option' else '' end as definition,
    null::text as description
from privileges
group by
    privileges.part_of,
    privileges.kind,
    privileges.grantee,
    privileges.is_grantable;

-- name: _list_owners
-- Of what does not belong to the owner of most of its schema.
with owned as (
    select
        namespace.oid as schema_id,
        'schema' as kind,
        namespace.oid::regnamespace::text as name,
        namespace.nspowner as owner_id
    from pg_catalog.pg_namespace as namespace
    where namespace.oid::bigint = any(:schema_ids)
    union all
    select
        class.relnamespace,
        'table',
        class.oid::regclass::text,
        class.relowner
    from pg_catalog.pg_class as class
    where class.oid::bigint = any(:relation_ids)
    union all
    select
        routine.pronamespace,
        'routine',
        routine.oid::regprocedure::text,
        routine.proowner
    from pg_catalog.pg_proc as routine
    where routine.pronamespace::bigint = any(:schema_ids)
),

usual as (
    select
        schema_id,
        mode() within group (order by owner_id) as owner_id
    from owned
    group by schema_id
)

select
    owned.name as part_of,
    'owner' as kind,
    owned.name,
    'alter ' || owned.kind || ' ' || owned.name || ' owner to ' || owned.owner_id::regrole::text
        as definition,
    null::text as description
from owned
inner join usual on owned.schema_id = usual.schema_id
where owned.owner_id <> usual.owner_id;

-- name: _list_row_tables
-- Of the tables with rows that migrations write, those that there are, and whether this role may
-- read them.
select
    given.name,
    pg_catalog.has_table_privilege(pg_catalog.to_regclass(given.name)::oid, 'select') as is_readable
from unnest(:names::text[]) with ordinality as given (name, place)
where pg_catalog.to_regclass(given.name) is not null
order by given.place;

-- name: _list_role_privileges
-- The statements on rows read them as documents: earlier levels have other columns.
select
    'oadb.role_privileges' as part_of,
    'row' as kind,
    concat_ws(' ', 'oadb.role_privileges', kept.role_name, kept.table_name) as name,
    format(
        'insert into oadb.role_privileges (role_name, table_name, privileges) '
        'values (%L, %L, %L)',
        kept.role_name, kept.table_name, regexp_replace(kept.privileges, '\s+', ' ', 'g')
    ) as definition,
    null::text as description
from oadb.role_privileges
cross join
    lateral jsonb_to_record(to_jsonb(role_privileges)) as kept (
        schema_name text, role_name text, table_name text, privileges text
    )
where coalesce(kept.schema_name, 'oadb') = 'oadb';

-- name: _list_user_tables
select
    'oadb.user_tables' as part_of,
    'row' as kind,
    concat_ws(' ', 'oadb.user_tables', kept.table_name) as name,
    format(
        'insert into oadb.user_tables (table_name, user_column, write_check) values (%L, %L, %L)',
        kept.table_name, kept.user_column, kept.write_check
    ) as definition,
    null::text as description
from oadb.user_tables
cross join
    lateral jsonb_to_record(to_jsonb(user_tables)) as kept (
        schema_name text, table_name text, user_column text, write_check text
    )
where coalesce(kept.schema_name, 'oadb') = 'oadb';

-- name: _list_log_tables
select
    'oadb.log_tables' as part_of,
    'row' as kind,
    concat_ws(' ', 'oadb.log_tables', kept.table_name) as name,
    format(
        'insert into oadb.log_tables (table_name, period, name_format, made_ahead%s) '
        'values (%L, %L, %L, %L%s)',
        case when kept.time_column is not null then ', time_column' end,
        kept.table_name, kept.period, kept.name_format, kept.made_ahead,
        ', ' || quote_literal(kept.time_column)
    ) as definition,
    null::text as description
from oadb.log_tables
cross join
    lateral jsonb_to_record(to_jsonb(log_tables)) as kept (
        table_name text, period text, name_format text, made_ahead text, time_column text
    );

-- name: _list_ban_exemptions
-- Services change the reason, which is not shown.
select
    'oadb.ban_exemptions' as part_of,
    'row' as kind,
    concat_ws(' ', 'oadb.ban_exemptions', kept.network) as name,
    format('insert into oadb.ban_exemptions (network, is_builtin) values (%L, true)', kept.network)
        as definition,
    null::text as description
from oadb.ban_exemptions
cross join
    lateral jsonb_to_record(to_jsonb(ban_exemptions)) as kept (network text, is_builtin boolean)
where kept.is_builtin;

-- name: _list_trading_mode
-- Only the key: services change the rest.
select
    'oadb.trading_mode' as part_of,
    'row' as kind,
    concat_ws(' ', 'oadb.trading_mode', kept.singleton_id) as name,
    format('insert into oadb.trading_mode (singleton_id) values (%s)', kept.singleton_id)
        as definition,
    null::text as description
from oadb.trading_mode
cross join lateral jsonb_to_record(to_jsonb(trading_mode)) as kept (singleton_id text);

-- name: _list_security_settings
-- Only the key: services change the rest.
select
    'oadb.security_settings' as part_of,
    'row' as kind,
    concat_ws(' ', 'oadb.security_settings', kept.singleton_id) as name,
    format('insert into oadb.security_settings (singleton_id) values (%s)', kept.singleton_id)
        as definition,
    null::text as description
from oadb.security_settings
cross join lateral jsonb_to_record(to_jsonb(security_settings)) as kept (singleton_id text);

-- name: _list_smtp_settings
-- Only the key: services change the rest.
select
    'oadb.smtp_settings' as part_of,
    'row' as kind,
    concat_ws(' ', 'oadb.smtp_settings', kept.singleton_id) as name,
    format('insert into oadb.smtp_settings (singleton_id) values (%s)', kept.singleton_id)
        as definition,
    null::text as description
from oadb.smtp_settings
cross join lateral jsonb_to_record(to_jsonb(smtp_settings)) as kept (singleton_id text);

-- name: _list_faults
-- What a sound database has nowhere, and what no statement above shows: triggers of foreign keys
-- that are switched off, invalid indexes of constraints and partitions, partitions that are
-- unlogged, and what owners of tables may not do with them.
select
    triggers.tgrelid::regclass::text as part_of,
    'switched off' as kind,
    quote_ident(triggers.tgname) || ' on ' || triggers.tgrelid::regclass::text as name,
    'alter table ' || triggers.tgrelid::regclass::text || ' disable trigger '
    || quote_ident(triggers.tgname) as definition,
    null::text as description
from pg_catalog.pg_trigger as triggers
inner join pg_catalog.pg_class as class on triggers.tgrelid = class.oid
where
    class.relnamespace::bigint = any(:schema_ids)
    and triggers.tgenabled <> 'O'
    and (triggers.tgisinternal or triggers.tgparentid <> 0)
union all
select
    indexes.indrelid::regclass::text,
    'invalid',
    indexes.indexrelid::regclass::text,
    pg_catalog.pg_get_indexdef(indexes.indexrelid) || ' invalid',
    null
from pg_catalog.pg_index as indexes
inner join pg_catalog.pg_class as class on indexes.indexrelid = class.oid
where
    class.relnamespace::bigint = any(:schema_ids)
    and class.relkind = 'i'
    and not (indexes.indisvalid and indexes.indisready)
    and (
        class.relispartition
        or exists (
            select
            from pg_catalog.pg_constraint as constraints
            where indexes.indexrelid = constraints.conindid
        )
    )
union all
select
    class.oid::regclass::text,
    'unlogged',
    class.oid::regclass::text,
    'alter table ' || class.oid::regclass::text || ' set unlogged',
    null
from pg_catalog.pg_class as class
where
    class.relnamespace::bigint = any(:schema_ids)
    and class.relkind = 'r'
    and class.relispartition
    and class.relpersistence = 'u'
union all
select
    class.oid::regclass::text,
    'withheld',
    class.oid::regclass::text || ' from its owner',
    'revoke ' || string_agg(lower(own.privilege_type), ', ' order by own.privilege_type)
    || ' on table ' || class.oid::regclass::text || ' from ' || class.relowner::regrole::text,
    null
from pg_catalog.pg_class as class
cross join
    lateral pg_catalog.aclexplode(pg_catalog.acldefault('r', class.relowner)) as own
where
    class.relnamespace::bigint = any(:schema_ids)
    and class.relkind in ('r', 'p', 'v', 'm')
    and class.relacl is not null
    and own.grantee = class.relowner
    and not exists (
        select
        from pg_catalog.aclexplode(class.relacl) as given
        where
            given.grantee = class.relowner
            and own.privilege_type = given.privilege_type
    )
group by class.oid, class.relowner;

-- name: _list_others
-- Objects of the schemas of a kind that no statement above lists, by kind and name.
select
    object.identity as part_of,
    object.type as kind,
    object.identity as name,
    'create ' || object.type || ' ' || object.identity as definition,
    pg_catalog.obj_description(depend.objid, depend.classid::regclass::name) as description
from pg_catalog.pg_depend as depend
cross join lateral pg_catalog.pg_identify_object(depend.classid, depend.objid, 0) as object
left join pg_catalog.pg_class as class
    on
        depend.classid = 'pg_catalog.pg_class'::regclass
        and depend.objid = class.oid
left join pg_catalog.pg_proc as routine
    on
        depend.classid = 'pg_catalog.pg_proc'::regclass
        and depend.objid = routine.oid
left join pg_catalog.pg_type as type
    on
        depend.classid = 'pg_catalog.pg_type'::regclass
        and depend.objid = type.oid
where
    depend.refclassid = 'pg_catalog.pg_namespace'::regclass
    and depend.refobjid::bigint = any(:schema_ids)
    and depend.classid <> 'pg_catalog.pg_statistic_ext'::regclass
    and coalesce(class.relkind not in ('r', 'p', 'v', 'm'), true)
    and coalesce(routine.prokind not in ('f', 'p'), true)
    and coalesce(type.typtype not in ('e', 'c', 'd'), true)
    and not exists (
        select
        from pg_catalog.pg_depend as identity
        where
            depend.classid = identity.classid
            and depend.objid = identity.objid
            and identity.refclassid = depend.classid
            and identity.deptype = 'i'
    );
