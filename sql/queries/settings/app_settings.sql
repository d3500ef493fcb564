-- Settings of the application. Bound in oadb/settings/app_settings.py.
-- Each statement that changes a row locks it first, so that the audit has the right old
-- value, however many change it at once. It changes nothing if there is no user :by.

-- name: get_trading_mode
-- primary: whether orders are real
-- live or analyze.
select mode
from oadb.trading_mode
where singleton_id = 1;

-- name: _set_trading_mode
-- Returns the number of fields that changed.
-- scope: all users (:by is any of them)
-- Served by users_pkey.
with previous as (
    select
        singleton_id,
        mode
    from oadb.trading_mode
    where singleton_id = 1
    for update
),

changed as (
    update oadb.trading_mode
    set
        mode = :mode,
        set_by = :by
    from previous
    where
        trading_mode.singleton_id = previous.singleton_id
        and (
            :by::bigint is null
            or exists (
                select 1 from oadb.users
                where users.user_id = :by
                for key share
            )
        )
    returning
        previous.mode as old_value,
        trading_mode.mode as new_value
)

insert into oadb.app_setting_changes (
    changed_by,
    group_name,
    field,
    old_value,
    new_value
)
select
    :by,
    'trading_mode',
    'mode',
    changed.old_value,
    changed.new_value
from changed
where changed.old_value <> changed.new_value;

-- name: get_security
-- primary: whether an address is banned
-- When and for how long addresses are banned; the one row.
select
    is_auto_ban_enabled as auto_ban_enabled,
    threshold_404 as not_found_threshold,
    make_interval(hours => nullif(ban_duration_404, 0)::integer) as not_found_ban,
    threshold_api as bad_key_threshold,
    make_interval(hours => nullif(ban_duration_api, 0)::integer) as bad_key_ban,
    repeat_offender_limit
from oadb.security_settings
where singleton_id = 1;

-- name: _update_security
-- Returns the number of fields that changed. The table has hours, 0 for permanent bans; the
-- audit has intervals, null for permanent bans. May violate the checks.
-- scope: all users (:by is any of them)
-- Served by users_pkey.
with previous as (
    select
        singleton_id,
        is_auto_ban_enabled,
        threshold_404,
        ban_duration_404,
        threshold_api,
        ban_duration_api,
        repeat_offender_limit
    from oadb.security_settings
    where singleton_id = 1
    for update
),

changed as (
    update oadb.security_settings as security
    set
        is_auto_ban_enabled = :auto_ban_enabled,  --? auto_ban_enabled
        threshold_404 = :not_found_threshold,     --? not_found_threshold
        ban_duration_404 = coalesce(                                --? not_found_ban
            extract(epoch from :not_found_ban::interval) / 3600, 0  --? not_found_ban
        ),                                                          --? not_found_ban
        threshold_api = :bad_key_threshold,  --? bad_key_threshold
        ban_duration_api = coalesce(                              --? bad_key_ban
            extract(epoch from :bad_key_ban::interval) / 3600, 0  --? bad_key_ban
        ),                                                        --? bad_key_ban
        repeat_offender_limit = case
            when :repeat_offender_limit_is_set then :repeat_offender_limit
            else previous.repeat_offender_limit
        end
    from previous
    where
        security.singleton_id = previous.singleton_id
        and (
            :by::bigint is null
            or exists (
                select 1 from oadb.users
                where users.user_id = :by
                for key share
            )
        )
    returning
        security.is_auto_ban_enabled,
        security.threshold_404,
        security.ban_duration_404,
        security.threshold_api,
        security.ban_duration_api,
        security.repeat_offender_limit
)

insert into oadb.app_setting_changes (
    changed_by,
    group_name,
    field,
    old_value,
    new_value
)
select
    :by,
    'security_settings',
    fields.field,
    fields.old_value,
    fields.new_value
from previous
cross join changed
cross join
    lateral (
        values
        (
            'auto_ban_enabled',
            previous.is_auto_ban_enabled::text,
            changed.is_auto_ban_enabled::text
        ),
        ('not_found_threshold', previous.threshold_404::text, changed.threshold_404::text),
        (
            'not_found_ban',
            make_interval(hours => nullif(previous.ban_duration_404, 0)::integer)::text,
            make_interval(hours => nullif(changed.ban_duration_404, 0)::integer)::text
        ),
        ('bad_key_threshold', previous.threshold_api::text, changed.threshold_api::text),
        (
            'bad_key_ban',
            make_interval(hours => nullif(previous.ban_duration_api, 0)::integer)::text,
            make_interval(hours => nullif(changed.ban_duration_api, 0)::integer)::text
        ),
        (
            'repeat_offender_limit',
            previous.repeat_offender_limit::text,
            changed.repeat_offender_limit::text
        )
    ) as fields (field, old_value, new_value)
where fields.old_value is distinct from fields.new_value;

-- name: list_changes
-- Changes of all groups, newest first. Served by app_setting_changes_pkey.
select
    change_id,
    changed_at,
    changed_by,
    group_name,
    field,
    old_value,
    new_value
from oadb.app_setting_changes
where
    true
    and change_id < :last_change_id  --? cursor
order by change_id desc
limit :limit;

-- name: delete_old_changes
-- Deletes at most :batch changes older than :older_than, from the first on. As the owner of the
-- table. Reads all of them, a few for each day: served by app_setting_changes_pkey.
-- grows: with the changes of application settings, a few for each day.
delete from oadb.app_setting_changes
where change_id in (
    select old.change_id
    from oadb.app_setting_changes as old
    where old.changed_at < now() - cast(:older_than as interval)
    order by old.change_id
    limit :batch
);
