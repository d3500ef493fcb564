-- Settings of users. Bound in oadb/settings/user_settings.py.

-- name: _find
-- The value as JSON; no row if the default applies. Served by settings_pkey.
select value::text as value
from oadb.settings
where
    user_id = :user_id
    and name = :name;

-- name: _find_all
-- No row for a name whose default applies. Served by settings_pkey.
select
    user_id,
    name,
    value::text as value
from oadb.settings
where
    user_id = :user_id
    and name = any(:names)
order by name;

-- name: list_by_user
-- All stored settings by name, whichever service declared them. Served by settings_pkey.
select
    user_id,
    name,
    value::text as value
from oadb.settings
where user_id = :user_id
order by name;

-- name: _put
-- Inserts or replaces, and records the changes in the audit; returns the changed names.
-- Values are compared as text: 5 and 5.0 are equal in jsonb, but a key may allow only one
-- of them. The old value is passed on in the row itself (replaced_value): of two
-- concurrent first puts, the second sees no row in its snapshot and still replaces one. In
-- order of name by its bytes, so that two puts cannot deadlock. Changes nothing if there is no
-- user :by besides :user_id. May violate settings_user_id_fkey and the checks. Served by
-- users_pkey.
with changed as (
    insert into oadb.settings as known (
        user_id,
        name,
        value
    )
    select
        :user_id,
        given.name,
        given.value::jsonb
    from unnest(:names::text[], :json_values::text[]) as given (name, value)
    where
        coalesce(:by::bigint, :user_id) = :user_id
        or exists (
            select 1 from oadb.users
            where users.user_id = :by
            for key share
        )
    order by given.name collate "C"
    on conflict (user_id, name) do update
        set
            value = excluded.value,
            replaced_value = known.value
        where known.value::text <> excluded.value::text
    returning
        name,
        replaced_value,
        value
)

insert into oadb.setting_changes (
    user_id,
    changed_by,
    name,
    old_value,
    new_value
)
select
    :user_id,
    :by,
    changed.name,
    changed.replaced_value,
    changed.value
from changed
returning name;

-- name: _reset
-- Deletes values, so that the defaults apply; returns their names. Locks in order of name
-- first, as _put does; a delete alone would lock in the order of its plan. As in _put, :by
-- must exist. Served by settings_pkey and users_pkey.
with held as (
    select
        user_id,
        name
    from oadb.settings
    where
        user_id = :user_id
        and name = any(:names)
        and (
            coalesce(:by::bigint, :user_id) = :user_id
            or exists (
                select 1 from oadb.users
                where users.user_id = :by
                for key share
            )
        )
    order by name
    for update
),

deleted as (
    delete from oadb.settings
    using held
    where
        settings.user_id = :user_id
        and settings.name = held.name
    returning
        settings.name,
        settings.value
)

insert into oadb.setting_changes (
    user_id,
    changed_by,
    name,
    old_value
)
select
    :user_id,
    :by,
    deleted.name,
    deleted.value
from deleted
returning name;

-- name: list_changes
-- Changes of the settings of a user, newest first. Served by setting_changes_pkey.
select
    user_id,
    change_id,
    changed_at,
    changed_by,
    name,
    old_value::text as old_value,
    new_value::text as new_value
from oadb.setting_changes
where
    user_id = :user_id
    and change_id < :last_change_id  --? cursor
order by change_id desc
limit :limit;

-- name: delete_old_changes
-- lock timeout: 200 ms
-- scope: all users (retention)
-- Deletes at most :batch changes older than :older_than; one sweep at a time, as in sessions.sql.
-- As the owner of the table. Served by claims_pkey, setting_changes_changed_at_idx and
-- setting_changes_pkey.
with old as materialized (
    select
        setting_changes.user_id,
        setting_changes.change_id
    from oadb.setting_changes
    where setting_changes.changed_at < now() - cast(:older_than as interval)
    order by setting_changes.changed_at
    limit :batch
),

claim as materialized (
    select claims.subject
    from oadb.claims
    where
        claims.subject = 'setting_changes'
        and exists (select 1 from old)
    for update skip locked
)

delete from oadb.setting_changes
using old
where
    setting_changes.user_id = old.user_id
    and setting_changes.change_id = old.change_id
    and exists (select 1 from claim);
