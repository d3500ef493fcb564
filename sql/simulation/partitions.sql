-- Partitions of a database that only plans; see restore.sql. Run by
-- oadb/tools/plans/simulated_partitions.py.

-- name: define
-- Makes a function of the session that gives a table of logs the partitions that a service has
-- after years. They are not those of the calendar: the day of the month would decide in how many of
-- them the last weeks are, and so the plan. The moment is in the middle of one.
create function pg_temp.make_partitions(log_table text, age interval, moment timestamptz)
returns void
language plpgsql
as $function$
declare
    kept   oadb.log_tables;
    old    regclass;
    span   interval;
begin
    select log_tables.* into strict kept from oadb.log_tables where table_name = log_table;
    for old in
        select class.oid
        from pg_catalog.pg_inherits
        inner join pg_catalog.pg_class as class on pg_inherits.inhrelid = class.oid
        where
            pg_inherits.inhparent = pg_catalog.to_regclass(format('oadb.%I', log_table))
            and pg_catalog.pg_get_expr(class.relpartbound, class.oid) <> 'DEFAULT'
    loop
        execute format('drop table %s', old);
    end loop;
    span := case kept.period
        when 'month' then interval '30 days'
        else ('1 ' || kept.period)::interval
    end;
    -- From the one ahead of need back to the one in which age ends.
    for part in -1 .. ceil(extract(epoch from age) / extract(epoch from span))::int loop
        execute format(
            'create table oadb.%I partition of oadb.%I for values from (%L) to (%L)',
            log_table || '_' || part + 1,
            log_table,
            moment - (part + 0.5) * span,
            moment - (part - 0.5) * span
        );
    end loop;
end
$function$;

-- name: make
select
    pg_temp.make_partitions(
        :log_table, cast(:age as interval), cast(:moment as timestamptz)
    ) is null as is_made;
