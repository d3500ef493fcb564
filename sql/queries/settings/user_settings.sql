-- Settings of users. Bound in oadb/settings/user_settings.py.

-- name: _find
-- Its JSON; no row where the default holds.
select value::text as value
from oadb.settings
where
    user_id = :user_id
    and name = :name;

-- name: _find_all
-- Those of the names that are stored.
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
-- All that is stored, in order of name, whoever declares it.
select
    user_id,
    name,
    value::text as value
from oadb.settings
where user_id = :user_id
order by name;

-- name: _put
-- Inserts or replaces, and says in the audit what it changed; returns those names.
-- Compared as text: 5 and 5.0 are one number in jsonb, and a key may take one alone.
-- The value before is handed on in the row itself: of two first puts at once the
-- second sees no row in its snapshot, and replaces one all the same. In order of
-- name, so that no two puts wait for each other. May violate
-- settings_user_id_fkey and the checks.
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
    order by given.name
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
    :changed_by,
    changed.name,
    changed.replaced_value,
    changed.value
from changed
returning name;

-- name: _reset
-- The defaults hold again; returns the names whose values went. Locked in order of
-- name first, as _put does; a delete alone would go by the order of its plan.
with held as (
    select
        user_id,
        name
    from oadb.settings
    where
        user_id = :user_id
        and name = any(:names)
    order by name
    for update
),

deleted as (
    delete from oadb.settings
    using held
    where
        settings.user_id = held.user_id
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
    :changed_by,
    deleted.name,
    deleted.value
from deleted
returning name;

-- name: list_changes
-- Newest first, before the change :before (null for the first page). At most
-- 1000 at a time. Served by setting_changes_pkey.
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
    and change_id < coalesce(:before, 9223372036854775807)
order by change_id desc
limit least(:page_size, 1000);
