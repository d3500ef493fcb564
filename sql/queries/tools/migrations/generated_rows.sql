-- Rows for a rehearsal. Bound in oadb/tools/migrations/generated_rows.py.

-- name: _list_generated
-- The tables of these names, and those that they refer to, with the statements that fill them. The
-- nth row has the same value wherever a type is the same, so that references find their rows.
-- Values of :chosen are literals, by the oid of a table and the number of a column.
with recursive wanted as (
    select class.oid
    from pg_catalog.pg_class as class
    inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
    where
        class.relkind in ('r', 'p')
        and not class.relispartition
        and pg_catalog.format('%I.%I', namespace.nspname, class.relname) = any(:names::text[])
    union
    select reference.confrelid
    from wanted
    inner join pg_catalog.pg_constraint as reference on wanted.oid = reference.conrelid
    where reference.contype = 'f'
),

typed as (
    select
        wanted.oid as table_id,
        attribute.attnum,
        attribute.attname,
        attribute.attgenerated,
        pg_catalog.format_type(attribute.atttypid, attribute.atttypmod) as type_name,
        attribute.atttypmod,
        coalesce(nullif(type.typbasetype, 0), type.oid)::regtype as base_type,
        base.typcategory,
        :chosen::jsonb #>> array[wanted.oid::text, attribute.attnum::text] as chosen,
        (
            select
                pg_catalog.format(
                    '(%L::text[])[1 + oadb_n %% %s]',
                    pg_catalog.array_agg(label.enumlabel order by label.enumsortorder),
                    count(*)
                )
            from pg_catalog.pg_enum as label
            where label.enumtypid = base.oid
            having count(*) > 0
        ) as labels
    from wanted
    inner join pg_catalog.pg_attribute as attribute on wanted.oid = attribute.attrelid
    inner join pg_catalog.pg_type as type on attribute.atttypid = type.oid
    inner join pg_catalog.pg_type as base
        on base.oid = coalesce(nullif(type.typbasetype, 0), type.oid)
    where
        attribute.attnum > 0
        and not attribute.attisdropped
),

valued as (
    select
        typed.table_id,
        typed.attnum,
        typed.attname,
        typed.attgenerated,
        pg_catalog.format(
            '(%s)::%s',
            case
                when typed.chosen is not null then typed.chosen
                when typed.labels is not null then typed.labels
                when typed.typcategory = 'A' then '''{}'''
                when typed.typcategory = 'R' then '''empty'''
                when typed.base_type = 'boolean'::regtype then 'oadb_n % 2 = 0'
                when typed.base_type = 'smallint'::regtype then 'oadb_n % 32768'
                when typed.base_type in ('integer'::regtype, 'bigint'::regtype, 'oid'::regtype)
                    then 'oadb_n'
                when typed.base_type = 'numeric'::regtype and typed.atttypmod >= 0
                    then 'oadb_n % 10'
                when typed.typcategory = 'N' then 'oadb_n'
                when typed.base_type = 'uuid'::regtype then 'pg_catalog.md5(oadb_n::text)'
                when typed.base_type = 'bytea'::regtype
                    then 'pg_catalog.sha256(oadb_n::text::bytea)'
                when typed.base_type in ('json'::regtype, 'jsonb'::regtype) then '''{}'''
                when typed.base_type in ('inet'::regtype, 'cidr'::regtype)
                    then '''10.0.0.0''::inet + oadb_n'
                when typed.base_type = 'date'::regtype then 'current_date - oadb_n::integer % 1000'
                when typed.base_type = 'time'::regtype
                    then 'time ''00:00'' + oadb_n * interval ''1 second'''
                when
                    typed.typcategory = 'D'
                    then 'pg_catalog.now() - oadb_n * interval ''1 second'''
                when typed.base_type = 'interval'::regtype then 'oadb_n * interval ''1 second'''
                when typed.typcategory = 'S' and typed.atttypmod > 4
                    then pg_catalog.format('right(''x'' || oadb_n, %s)', typed.atttypmod - 4)
                when typed.typcategory = 'S' then '''x'' || oadb_n'
                else 'null'
            end,
            typed.type_name
        ) as value
    from typed
),

keyed as (
    select
        wanted.oid,
        pg_catalog.string_agg(
            pg_catalog.format('told.%I = %s', valued.attname, valued.value), ' and '
            order by valued.attnum
        ) as condition
    from wanted
    inner join pg_catalog.pg_index as key on wanted.oid = key.indrelid
    inner join valued on wanted.oid = valued.table_id and valued.attnum = any(key.indkey)
    where key.indisprimary
    group by wanted.oid
),

written as (
    select
        valued.table_id,
        pg_catalog.string_agg(pg_catalog.quote_ident(valued.attname), ', ' order by valued.attnum)
            as columns,
        pg_catalog.string_agg(valued.value, ', ' order by valued.attnum) as values,
        pg_catalog.string_agg(
            pg_catalog.format('told.%I', valued.attname), ', '
            order by valued.attnum
        ) as read,
        (
            pg_catalog.array_agg(valued.attname order by valued.attnum desc)
            filter (
                where not exists (
                    select 1
                    from pg_catalog.pg_index as key
                    where
                        key.indrelid = valued.table_id
                        and key.indisprimary
                        and valued.attnum = any(key.indkey)
                )
            )
        )[1] as changed
    from valued
    where valued.attgenerated = ''
    group by valued.table_id
)

select
    class.oid::bigint as table_id,
    pg_catalog.format('%I.%I', namespace.nspname, class.relname) as table_name,
    pg_catalog.format(
        'insert into %I.%I (%s) overriding system value select %s '
        'from pg_catalog.generate_series(1, $1::bigint) as given (oadb_n)',
        namespace.nspname,
        class.relname,
        written.columns,
        written.values
    )
    || case
        when
            exists (
                select 1
                from pg_catalog.pg_constraint as held
                where
                    held.conrelid = wanted.oid
                    and held.condeferrable
                    and held.contype <> 'f'
            )
            then ''
        else ' on conflict do nothing'
    end as fill,
    case
        when keyed.condition is not null
            then
                pg_catalog.format(
                    'select %s from %I.%I as told inner join (select 1 + pg_catalog.floor('
                    'pg_catalog.random() * $1::bigint)::bigint as oadb_n) as given on %s',
                    written.read,
                    namespace.nspname,
                    class.relname,
                    keyed.condition
                )
    end as read,
    case
        when keyed.condition is not null and written.changed is not null
            then
                pg_catalog.format(
                    'update %1$I.%2$I as told set %3$I = told.%3$I from (select 1 + '
                    'pg_catalog.floor(pg_catalog.random() * $1::bigint)::bigint as oadb_n) '
                    'as given where %4$s',
                    namespace.nspname,
                    class.relname,
                    written.changed,
                    keyed.condition
                )
    end as change
from wanted
inner join pg_catalog.pg_class as class on wanted.oid = class.oid
inner join pg_catalog.pg_namespace as namespace on class.relnamespace = namespace.oid
inner join written on wanted.oid = written.table_id
left join keyed on wanted.oid = keyed.oid
order by
    namespace.nspname,
    class.relname;

-- name: _find_check
-- A constraint of a table: the numbers of its columns, and the texts and numbers in it as literals.
select
    held.conkey::integer[] as columns,
    array(
        select distinct
            coalesce(
                pg_catalog.quote_literal(pg_catalog.replace(found.parts[1], '''''', '''')),
                found.parts[2]
            )
        from pg_catalog.regexp_matches(
            pg_catalog.pg_get_constraintdef(held.oid),
            '''((?:[^'']|'''')*)''|\m([0-9]+(?:\.[0-9]+)?)\M', 'g'
        ) as found (parts)
    ) as literals
from pg_catalog.pg_constraint as held
where
    held.conrelid::bigint = :table_id
    and held.conname = :name
    and held.contype = 'c';

-- name: _leave_triggers_out
-- In this session: neither triggers nor references are asked.
select pg_catalog.set_config('session_replication_role', 'replica', false) as role;

-- name: _vacuum
vacuum (analyze);
