-- Lock: access exclusive on oadb.applied_migrations, which only migrations use;
-- for a role named oadb, also on yoyo's own tables.

set local lock_timeout = '4s';

-- yoyo's tables go where search_path leads once the schema is gone.
do $$
declare
    yoyo_table text;
begin
    if current_schema() = 'oadb' then
        foreach yoyo_table in array
            array['_yoyo_migration', '_yoyo_log', '_yoyo_version', 'yoyo_lock']
        loop
            execute format(
                'alter table oadb.%I set schema %I', yoyo_table, (current_schemas(false))[2]
            );
        end loop;
    end if;
end
$$;

drop table oadb.applied_migrations;

drop schema oadb;
