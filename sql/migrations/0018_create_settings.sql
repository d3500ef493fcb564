-- depends: 0017_create_ip_bans
-- Settings: of each user, and of the application in groups. A group is a table with one row, which
-- is there from here on: nobody makes it, so that no two readers can make two. Every change leaves
-- a row in an audit that services can add to, and neither change nor trim.
--
-- Lock: share row exclusive on oadb.users and oadb.key_canaries, for an instant, for foreign keys.

set local lock_timeout = '4s';

create table oadb.settings (
    user_id        bigint not null,
    name           text   not null,
    value          jsonb  not null,
    replaced_value jsonb,

    constraint settings_pkey primary key (user_id, name),
    constraint settings_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint settings_name_check check (name ~ '^[a-z][a-z0-9_.]{0,99}$')
);

alter table oadb.settings
add constraint settings_value_check check (octet_length(value::text) <= 65536);

comment on table oadb.settings is
'What users chose. No row: the default of the key, which the service that declares it knows.';
comment on column oadb.settings.replaced_value is
'The value before this one, so that a put can tell the audit, also where two come at once.';

create table oadb.setting_changes (
    user_id    bigint      not null,
    change_id  bigint      generated always as identity,
    changed_at timestamptz not null default clock_timestamp(),
    changed_by bigint,
    name       text        not null,
    old_value  jsonb,
    new_value  jsonb,

    constraint setting_changes_pkey primary key (user_id, change_id),
    constraint setting_changes_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade
);

comment on table oadb.setting_changes is
'Audit: every change of a setting of a user. Rows are never changed; they go with the user.';
comment on column oadb.setting_changes.changed_by is
'A user. No foreign key: what was done outlives who did it, and ids are not used again.';
comment on column oadb.setting_changes.old_value is 'Null: there was none, so the default held.';
comment on column oadb.setting_changes.new_value is 'Null: it was reset to the default.';

create table oadb.trading_mode (
    singleton_id bigint not null default 1,
    mode         text   not null default 'analyze',

    constraint trading_mode_pkey primary key (singleton_id),
    constraint trading_mode_singleton_id_check check (singleton_id = 1),
    constraint trading_mode_mode_check check (mode in ('live', 'analyze'))
);

comment on table oadb.trading_mode is
'One row: whether orders go to a broker. Analyze, until somebody says live.';

create table oadb.security_settings (
    singleton_id          bigint  not null default 1,
    is_auto_ban_enabled   boolean not null default false,
    threshold_404         bigint  not null default 100,
    ban_duration_404      bigint  not null default 0,
    threshold_api         bigint  not null default 100,
    ban_duration_api      bigint  not null default 0,
    repeat_offender_limit bigint  not null default 2,

    constraint security_settings_pkey primary key (singleton_id),
    constraint security_settings_singleton_id_check check (singleton_id = 1),
    constraint security_settings_threshold_404_check check (threshold_404 between 0 and 1000000),
    constraint security_settings_ban_duration_404_check check (
        ban_duration_404 between 0 and 87600
    ),
    constraint security_settings_threshold_api_check check (threshold_api between 0 and 1000000),
    constraint security_settings_ban_duration_api_check check (
        ban_duration_api between 0 and 87600
    ),
    constraint security_settings_repeat_offender_limit_check check (
        repeat_offender_limit between 0 and 1000000
    )
);

comment on table oadb.security_settings is 'One row: when an address is banned, and for how long.';
comment on column oadb.security_settings.ban_duration_404 is
'Hours, at most ten years. 0: for ever; so for ban_duration_api.';

create view oadb.ban_rules as
select
    'not_found' as kind,
    threshold_404 as threshold,
    make_interval(hours => nullif(ban_duration_404, 0)::integer) as duration,
    repeat_offender_limit
from oadb.security_settings
where is_auto_ban_enabled and threshold_404 > 0
union all
select
    'bad_key' as kind,
    threshold_api as threshold,
    make_interval(hours => nullif(ban_duration_api, 0)::integer) as duration,
    repeat_offender_limit
from oadb.security_settings
where is_auto_ban_enabled and threshold_api > 0;

comment on view oadb.ban_rules is
'Which hits of ip_trackers ban now, and for how long: none while automatic bans are off.';
comment on column oadb.ban_rules.duration is 'Null: for ever.';

create table oadb.smtp_settings (
    singleton_id bigint  not null default 1,
    server       text,
    port         bigint,
    user_name    text,
    from_address text,
    helo_name    text,
    is_tls_used  boolean not null default true,
    password     bytea,
    key_id       bigint  generated always as (oadb.key_id_of(password)) stored,

    constraint smtp_settings_pkey primary key (singleton_id),
    constraint smtp_settings_key_id_fkey
    foreign key (key_id) references oadb.key_canaries (key_id),
    constraint smtp_settings_singleton_id_check check (singleton_id = 1),
    -- A line break would let a value go on as a command or a header.
    constraint smtp_settings_server_check check (server ~ '^[^[:cntrl:]]{1,255}$'),
    constraint smtp_settings_port_check check (port between 1 and 65535),
    constraint smtp_settings_user_name_check check (user_name ~ '^[^[:cntrl:]]{1,255}$'),
    constraint smtp_settings_from_address_check check (from_address ~ '^[^[:cntrl:]]{1,255}$'),
    constraint smtp_settings_helo_name_check check (helo_name ~ '^[^[:cntrl:]]{1,255}$'),
    constraint smtp_settings_password_check check (oadb.is_sealed(password))
);

create index smtp_settings_key_id_idx on oadb.smtp_settings (key_id, singleton_id);

comment on table oadb.smtp_settings is
'One row: the account that mail is sent from. Server null: no mail is sent.';
comment on column oadb.smtp_settings.password is 'Sealed. Null: the server asks for none.';
comment on column oadb.smtp_settings.key_id is 'The key that the password is sealed under.';

insert into oadb.trading_mode default values;
insert into oadb.security_settings default values;
insert into oadb.smtp_settings default values;

create table oadb.app_setting_changes (
    change_id  bigint      generated always as identity,
    changed_at timestamptz not null default clock_timestamp(),
    changed_by bigint,
    group_name text        not null,
    field      text        not null,
    old_value  text,
    new_value  text,

    constraint app_setting_changes_pkey primary key (change_id)
);

comment on table oadb.app_setting_changes is
'Audit: every change of a setting of the application. Rows are never changed.';
comment on column oadb.app_setting_changes.changed_by is
'A user, as in setting_changes. Null: nobody was signed in, such as an operator at a shell.';
comment on column oadb.app_setting_changes.group_name is 'The table.';
comment on column oadb.app_setting_changes.new_value is
'Of a secret, only whether it was changed or cleared; its old_value is null.';

alter table oadb.settings enable row level security, force row level security;
alter table oadb.setting_changes enable row level security, force row level security;

create policy user_policy on oadb.settings
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.setting_changes
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);

create policy service_policy on oadb.settings to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);
create policy service_policy on oadb.setting_changes to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'settings', 'select, insert, update, delete'),
(
    'oadb_app', 'setting_changes',
    'select, insert (user_id, changed_by, name, old_value, new_value)'
),
-- The one row of a group can neither be doubled nor go.
('oadb_app', 'trading_mode', 'select, update (mode)'),
('oadb_app', 'security_settings', 'select, update'),
('oadb_app', 'ban_rules', 'select'),
(
    'oadb_app', 'smtp_settings',
    'select, update (server, port, user_name, from_address, helo_name, is_tls_used, password)'
),
(
    'oadb_app', 'app_setting_changes',
    'select, insert (changed_by, group_name, field, old_value, new_value)'
),
('oadb_rotate', 'smtp_settings', 'select (singleton_id, password, key_id), update (password)'),
('oadb_ro', 'settings', 'select'),
('oadb_ro', 'setting_changes', 'select'),
('oadb_ro', 'trading_mode', 'select'),
('oadb_ro', 'security_settings', 'select'),
('oadb_ro', 'ban_rules', 'select'),
(
    'oadb_ro', 'smtp_settings',
    'select (singleton_id, server, port, user_name, from_address, helo_name, is_tls_used, key_id)'
),
('oadb_ro', 'app_setting_changes', 'select'),
-- A user sees whether orders go to a broker, and changes nothing of the application.
('oadb_user', 'settings', 'select, insert, update, delete'),
(
    'oadb_user', 'setting_changes',
    'select, insert (user_id, changed_by, name, old_value, new_value)'
),
('oadb_user', 'trading_mode', 'select');

call oadb.renew_privileges();
