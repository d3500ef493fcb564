-- depends: 0053_update_in_place
-- Whether bans or exemptions have changed is read from a few rows, not from all bans.
--
-- Lock: share row exclusive on oadb.ip_bans and oadb.ban_exemptions, for a moment.
-- Deploy: before the code that reads it.

set local lock_timeout = '4s';

create table oadb.ban_changes (
    ban_change_id bigint not null generated always as identity,

    constraint ban_changes_pkey primary key (ban_change_id)
);

comment on table oadb.ban_changes is
'Changes of bans and exemptions: each adds a row, in its transaction, and deletes the older ones '
'that it sees. So the ids that are here differ after any change, however transactions overlap.';

insert into oadb.ban_changes default values;

-- Not a counter: those who ban at once would wait for each other, and could deadlock.
create function oadb.note_ban_change() returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    noted bigint;
begin
    -- Whoever has a table of his own could otherwise have everybody read all bans again.
    if tg_table_schema <> 'oadb' then
        raise insufficient_privilege using
            message = 'oadb.note_ban_change() serves the tables of oadb alone';
    end if;
    if tg_op <> 'TRUNCATE' then
        perform from changed limit 1;
        if not found then
            return null;
        end if;
    end if;
    insert into oadb.ban_changes default values
    returning ban_change_id into noted;
    -- At a higher level, a row that another transaction has deleted would be an error.
    if current_setting('transaction_isolation') = 'read committed' then
        delete from oadb.ban_changes
        where ban_change_id in (
            select older.ban_change_id
            from oadb.ban_changes as older
            where older.ban_change_id < noted
            order by older.ban_change_id
            limit 100
            for update skip locked
        );
    end if;
    return null;
end
$$;

comment on function oadb.note_ban_change() is
'A trigger: notes in ban_changes that a statement has changed rows.';

create trigger notes_insert after insert on oadb.ip_bans
referencing new table as changed
for each statement execute function oadb.note_ban_change();

create trigger notes_update after update on oadb.ip_bans
referencing new table as changed
for each statement execute function oadb.note_ban_change();

create trigger notes_delete after delete on oadb.ip_bans
referencing old table as changed
for each statement execute function oadb.note_ban_change();

create trigger notes_truncate after truncate on oadb.ip_bans
for each statement execute function oadb.note_ban_change();

create trigger notes_insert after insert on oadb.ban_exemptions
referencing new table as changed
for each statement execute function oadb.note_ban_change();

create trigger notes_update after update on oadb.ban_exemptions
referencing new table as changed
for each statement execute function oadb.note_ban_change();

create trigger notes_delete after delete on oadb.ban_exemptions
referencing old table as changed
for each statement execute function oadb.note_ban_change();

create trigger notes_truncate after truncate on oadb.ban_exemptions
for each statement execute function oadb.note_ban_change();

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'ban_changes', 'select'),
('oadb_ro', 'ban_changes', 'select');

call oadb.renew_privileges();
