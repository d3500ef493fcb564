-- The mail account that messages are sent from. Bound in oadb/settings/smtp_settings.py.

-- name: get
-- The mail account without its password; the one row.
select
    server,
    port,
    user_name as username,
    from_address,
    helo_name,
    is_tls_used as use_tls,
    password is not null as has_password
from oadb.smtp_settings
where singleton_id = 1;

-- name: _get_sealed
-- primary: a password
select
    server,
    port,
    user_name as username,
    from_address,
    helo_name,
    is_tls_used as use_tls,
    password is not null as has_password,
    password
from oadb.smtp_settings
where singleton_id = 1;

-- name: _lock
-- Where the password goes; the row is locked until the transaction ends.
select
    server,
    port,
    user_name as username,
    is_tls_used as use_tls,
    password is not null as has_password
from oadb.smtp_settings
where singleton_id = 1
for update;

-- name: _update
-- Returns the number of fields that changed; a given password always counts, as it is sealed
-- anew. As in app_settings, the row is locked first, and nothing changes if there is no user
-- :by. May violate the checks.
-- scope: all users (:by is any of them)
-- Served by users_pkey.
with previous as (
    select
        singleton_id,
        server,
        port,
        user_name,
        from_address,
        helo_name,
        is_tls_used,
        password
    from oadb.smtp_settings
    where singleton_id = 1
    for update
),

changed as (
    update oadb.smtp_settings as smtp
    set
        server = :server,              --? server
        port = :port,                  --? port
        user_name = :username,         --? username
        from_address = :from_address,  --? from_address
        helo_name = :helo_name,        --? helo_name
        is_tls_used = :use_tls,        --? use_tls
        password = case
            when :password_is_set then :password
            else previous.password
        end
    from previous
    where
        smtp.singleton_id = previous.singleton_id
        and (
            :by::bigint is null
            or exists (
                select 1 from oadb.users
                where users.user_id = :by
                for key share
            )
        )
    returning
        smtp.server,
        smtp.port,
        smtp.user_name,
        smtp.from_address,
        smtp.helo_name,
        smtp.is_tls_used,
        smtp.password
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
    'smtp_settings',
    fields.field,
    fields.old_value,
    fields.new_value
from previous
cross join changed
cross join
    lateral (
        values
        ('server', previous.server, changed.server),
        ('port', previous.port::text, changed.port::text),
        ('username', previous.user_name, changed.user_name),
        ('from_address', previous.from_address, changed.from_address),
        ('helo_name', previous.helo_name, changed.helo_name),
        ('use_tls', previous.is_tls_used::text, changed.is_tls_used::text),
        (
            'password',
            null,
            case
                when previous.password = changed.password then null
                when changed.password is not null then 'changed'
                when previous.password is not null then 'cleared'
            end
        )
    ) as fields (field, old_value, new_value)
where fields.old_value is distinct from fields.new_value;

-- name: _reseal
-- Compare and swap: a password that was changed in between is left alone.
update oadb.smtp_settings
set password = resealed.password
from
    unnest(
        :singleton_ids::bigint[],
        :replaced::bytea[],
        :passwords::bytea[]
    ) as resealed (singleton_id, replaced, password)
where
    smtp_settings.singleton_id = resealed.singleton_id
    and smtp_settings.password = resealed.replaced;
