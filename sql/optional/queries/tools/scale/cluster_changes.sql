-- What makes a cluster of a database, on its coordinator. Bound in
-- oadb/tools/scale/cluster_changes.py. Each is a transaction of its own: whole, or not begun.

-- name: _propagate
-- Has Citus create on the workers what a table needs.
select pg_catalog.set_config('citus.enable_ddl_propagation', 'on', false) as propagation;

-- name: _make_reference
-- Copies a table to every node. Locks it meanwhile.
select pg_catalog.create_reference_table(:table_name::text::regclass)::text as done;

-- name: _distribute_first
-- Moves rows to the workers, of a table that no other one is beside yet. Locks it meanwhile.
select
    pg_catalog.create_distributed_table(
        :table_name::text::regclass,
        :by_column,
        'hash',
        'none',
        :shards
    )::text as done;

-- name: _distribute_beside
-- Moves rows to where those of another table with the same value are. Locks the table meanwhile.
select
    pg_catalog.create_distributed_table(
        :table_name::text::regclass,
        :by_column,
        'hash',
        :beside
    )::text as done;

-- name: _drop_rows_here
-- Deletes the copies of rows that were moved, which nobody sees any longer.
select
    pg_catalog.truncate_local_data_after_distributing_table(
        :table_name::text::regclass
    )::text as done;

-- name: _grant
-- Grants again what roles may do with tables, which is more with distributed ones.
call oadb.grant_privileges();

-- name: _let_identities_in
-- Lets oadb_user connect to the workers, which the coordinator does under an identity; here it
-- still cannot. It has no password. Where the role is absent, nothing is done. Returns what those
-- workers answer that did not do it.
select answers.nodename || ':' || answers.nodeport || ': ' || answers.result as failure
from
    pg_catalog.run_command_on_workers(
        'do $do$ begin '
        'perform pg_catalog.set_config(''citus.enable_alter_role_propagation'', ''off'', true); '
        'if exists (select from pg_catalog.pg_roles where rolname = ''oadb_user'') then '
        'alter role oadb_user login; end if; end $do$'
    ) as answers
where not answers.success
order by
    failure;

-- name: _send_function
select pg_catalog.create_distributed_function(:name::text::regprocedure)::text as done;

-- name: _name_setting
-- Says for _keep_setting, which can take no parameters, what to set.
select
    pg_catalog.concat(
        pg_catalog.set_config('oadb.set_role', :role_name, false),
        pg_catalog.set_config('oadb.set_name', :setting_name, false),
        pg_catalog.set_config('oadb.set_value', :setting_value, false)
    ) as named;

-- name: _keep_setting
-- Sets it for sessions of the role in this database, on the coordinator alone.
do $$
begin
    perform pg_catalog.set_config('citus.enable_alter_role_set_propagation', 'off', true);
    execute pg_catalog.format(
        'alter role %I in database %I set %s = %L',
        pg_catalog.current_setting('oadb.set_role'),
        pg_catalog.current_database(),
        pg_catalog.current_setting('oadb.set_name'),
        pg_catalog.current_setting('oadb.set_value')
    );
end
$$;
