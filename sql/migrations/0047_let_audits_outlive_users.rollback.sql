-- The changes of settings of deleted users are deleted. Security events about orders stay.

set local lock_timeout = '4s';

drop trigger records_order_approved on oadb.pending_orders;
drop trigger records_order_rejected on oadb.pending_orders;

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

delete from oadb.setting_changes
where
    not exists (
        select from oadb.users
        where users.user_id = setting_changes.user_id
    );

alter table oadb.setting_changes
add constraint setting_changes_user_id_fkey
foreign key (user_id) references oadb.users (user_id) on delete cascade;

comment on table oadb.setting_changes is
'Audit: every change of a setting of a user. Rows are never changed; they go with the user.';
comment on column oadb.setting_changes.user_id is null;

drop trigger notes_deleted_user on oadb.users;
drop function oadb.note_deleted_user();
drop table oadb.deleted_users;

delete from oadb.role_privileges
where
    schema_name = 'oadb'
    and table_name = 'deleted_users';

call oadb.renew_privileges();
