-- Settings of the application. Bound in oadb/settings/app_settings.py.
-- Each statement that changes a row locks it first, so that the audit has the right old
-- value, however many change it at once.

-- name: get_trading_mode
-- live or analyze.
select mode
from oadb.trading_mode
where singleton_id = 1;

-- name: _set_trading_mode
-- Returns the number of fields that changed.
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
    set mode = :mode
    from previous
    where trading_mode.singleton_id = previous.singleton_id
    returning
        previous.mode as old_value,
        trading_mode.mode as new_value
),

audited as (
    insert into oadb.app_setting_changes (
        changed_by,
        group_name,
        field,
        old_value,
        new_value
    )
    select
        :changed_by,
        'trading_mode',
        'mode',
        changed.old_value,
        changed.new_value
    from changed
    where changed.old_value <> changed.new_value
    returning field
)

select (select count(*) from audited) as fields
from previous;

-- name: get_security
-- The one row.
select
    is_auto_ban_enabled as auto_ban_enabled,
    threshold_404,
    ban_duration_404,
    threshold_api,
    ban_duration_api,
    repeat_offender_limit
from oadb.security_settings
where singleton_id = 1;

-- name: _set_security
-- Null leaves a field as it is. Returns the number of fields that changed. May violate
-- the checks.
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
        is_auto_ban_enabled = coalesce(:auto_ban_enabled, previous.is_auto_ban_enabled),
        threshold_404 = coalesce(:threshold_404, previous.threshold_404),
        ban_duration_404 = coalesce(:ban_duration_404, previous.ban_duration_404),
        threshold_api = coalesce(:threshold_api, previous.threshold_api),
        ban_duration_api = coalesce(:ban_duration_api, previous.ban_duration_api),
        repeat_offender_limit = coalesce(:repeat_offender_limit, previous.repeat_offender_limit)
    from previous
    where security.singleton_id = previous.singleton_id
    returning
        security.is_auto_ban_enabled,
        security.threshold_404,
        security.ban_duration_404,
        security.threshold_api,
        security.ban_duration_api,
        security.repeat_offender_limit
),

audited as (
    insert into oadb.app_setting_changes (
        changed_by,
        group_name,
        field,
        old_value,
        new_value
    )
    select
        :changed_by,
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
            ('threshold_404', previous.threshold_404::text, changed.threshold_404::text),
            ('ban_duration_404', previous.ban_duration_404::text, changed.ban_duration_404::text),
            ('threshold_api', previous.threshold_api::text, changed.threshold_api::text),
            ('ban_duration_api', previous.ban_duration_api::text, changed.ban_duration_api::text),
            (
                'repeat_offender_limit',
                previous.repeat_offender_limit::text,
                changed.repeat_offender_limit::text
            )
        ) as fields (field, old_value, new_value)
    where fields.old_value <> fields.new_value
    returning field
)

select (select count(*) from audited) as fields
from previous;

-- name: list_changes
-- Of all groups, newest first, before the change :before (null for the first
-- page). At most 1000 at a time. Served by app_setting_changes_pkey.
select
    change_id,
    changed_at,
    changed_by,
    group_name,
    field,
    old_value,
    new_value
from oadb.app_setting_changes
where change_id < coalesce(:before, 9223372036854775807)
order by change_id desc
limit least(:page_size, 1000);
