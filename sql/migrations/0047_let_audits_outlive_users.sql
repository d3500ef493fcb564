-- depends: 0046_index_pending_orders_by_time
-- Audits outlive users: what was changed in the settings of one who is deleted stays, and who
-- decided about an order is a security event, which nobody can delete with the order. Names and
-- addresses in audits are erased later, by oadb maintain, for which it is noted who was deleted: a
-- user who deletes himself erases nothing.
--
-- Lock: access exclusive on oadb.setting_changes and oadb.users, and share row exclusive on
-- oadb.pending_orders, for an instant.

-- squawk-ignore-file ban-drop-constraint

set local lock_timeout = '4s';

create table oadb.deleted_users (
    former_user_id bigint      not null,
    deleted_at     timestamptz not null default now(),

    constraint deleted_users_pkey primary key (former_user_id)
);

create index deleted_users_deleted_at_idx on oadb.deleted_users (deleted_at);

comment on table oadb.deleted_users is
'Users who were deleted, and whose names and addresses are still in audits.';

create function oadb.note_deleted_user() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    actor text := coalesce(current_setting('oadb.user_id', true), '');
begin
    -- Whoever has a table of his own could otherwise have it note users.
    if tg_table_schema <> 'oadb' or tg_table_name <> 'users' then
        raise insufficient_privilege using
            message = 'oadb.note_deleted_user() serves oadb.users alone';
    end if;
    -- An identity writes no row of nobody; the owner of the table does.
    if actor <> '' then
        perform set_config('oadb.user_id', '', true);
    end if;
    insert into oadb.deleted_users (former_user_id)
    values (old.user_id)
    on conflict (former_user_id) do nothing;
    if actor <> '' then
        perform set_config('oadb.user_id', actor, true);
    end if;
    return null;
end
$$;

comment on function oadb.note_deleted_user is
'For a trigger of oadb.users: notes that a user was deleted.';

create trigger notes_deleted_user after delete on oadb.users
for each row execute function oadb.note_deleted_user();

alter table oadb.setting_changes drop constraint setting_changes_user_id_fkey;

comment on table oadb.setting_changes is
'Audit: every change of a setting of a user. Rows are never changed, but for the values of a user '
'who was deleted, which are erased.';
comment on column oadb.setting_changes.user_id is
'No foreign key: what was done outlives the user, and ids are not used again.';

-- As in 0035, but for those who decide about orders.
create or replace function oadb.record_security_event() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) end;
    actor   text := coalesce(current_setting('oadb.user_id', true), '');
    said    jsonb := '{}';
    listed  text;
    before  jsonb;
    after   jsonb;
begin
    -- Whoever has a table of his own could otherwise have it write events.
    if tg_table_schema <> 'oadb' then
        raise insufficient_privilege using
            message = 'oadb.record_security_event() serves the tables of oadb alone';
    end if;
    -- Expressions alone: a query would take three times as long.
    foreach listed in array tg_argv[1:] loop
        before := old_row -> listed;
        if octet_length(old_row ->> listed) > 254 then
            before := to_jsonb(left(old_row ->> listed, 254));
        end if;
        after := new_row -> listed;
        if octet_length(new_row ->> listed) > 254 then
            after := to_jsonb(left(new_row ->> listed, 254));
        end if;
        said := said || jsonb_build_object(
            listed,
            case
                when tg_op <> 'UPDATE' or before = after then coalesce(after, before)
                else jsonb_build_object('old', before, 'new', after)
            end
        );
    end loop;
    -- An identity writes no event, not even of its user; the owner of the table does.
    if actor <> '' then
        perform set_config('oadb.user_id', '', true);
    end if;
    insert into oadb.security_events (
        kind,
        user_id,
        acted_by,
        db_role,
        ip,
        detail
    )
    values (
        tg_argv[0],
        (coalesce(new_row, old_row) ->> 'user_id')::bigint,
        coalesce(
            new_row ->> 'banned_by',
            new_row ->> 'set_by',
            case
                when tg_argv[0] in ('user_disabled', 'user_enabled') then new_row ->> 'access_set_by'
                when tg_argv[0] in ('order_approved', 'order_rejected') then new_row ->> 'decided_by'
            end,
            nullif(actor, '')
        )::bigint,
        session_user,
        coalesce(
            new_row ->> 'ip', nullif(current_setting('oadb.client_ip', true), '')
        )::inet,
        said
    );
    if actor <> '' then
        perform set_config('oadb.user_id', actor, true);
    end if;
    return null;
end
$$;

create trigger records_order_approved after update on oadb.pending_orders
for each row when (
    new.status = 'approved'
    and (old.status, old.decided_by) is distinct from (new.status, new.decided_by)
)
execute function oadb.record_security_event('order_approved', 'pending_order_id', 'api_type');

create trigger records_order_rejected after update on oadb.pending_orders
for each row when (
    new.status = 'rejected'
    and (old.status, old.decided_by) is distinct from (new.status, new.decided_by)
)
execute function oadb.record_security_event('order_rejected', 'pending_order_id', 'api_type');

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_ro', 'deleted_users', 'select');

call oadb.renew_privileges();
