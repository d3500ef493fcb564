-- depends: 0018_create_settings
-- Pending orders: orders of semi-automatic keys, which go to a broker once a person approved them.
--
-- Lock: share row exclusive on oadb.users, for an instant, for the foreign key.

set local lock_timeout = '4s';

create table oadb.pending_orders (
    user_id          bigint      not null,
    pending_order_id bigint      generated always as identity,
    api_type         text        not null,
    order_data       jsonb       not null,
    status           text        not null default 'pending',
    created_at       timestamptz not null default now(),
    decided_at       timestamptz,
    decided_by       bigint,
    reason           text,
    answered_at      timestamptz,
    broker_order_id  text,
    broker_status    text,

    constraint pending_orders_pkey primary key (user_id, pending_order_id),
    constraint pending_orders_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint pending_orders_api_type_check check (api_type ~ '^[a-z0-9_]{1,50}$'),
    constraint pending_orders_order_data_check check (jsonb_typeof(order_data) = 'object'),
    -- Who may see a pending order must not see what lets him send orders himself.
    constraint pending_orders_order_data_secret_check check (
        not jsonb_path_exists(
            order_data,
            '$.** ? (@.type() == "object").keyvalue().key
            ? (@ like_regex "^api[-_ ]?key$" flag "i")'
        )
    ),
    constraint pending_orders_status_check check (
        status in ('pending', 'approved', 'rejected', 'sent', 'failed')
    ),
    constraint pending_orders_decided_at_check check (
        (decided_at is null) = (status = 'pending')
    ),
    -- The owner alone lets money move. Anybody may have it rejected; the platform is nobody.
    constraint pending_orders_decided_by_check check (
        case
            when status = 'pending' then decided_by is null
            when status <> 'rejected' then decided_by is not null and decided_by = user_id
        end
    ),
    constraint pending_orders_reason_check check (length(reason) between 1 and 500),
    constraint pending_orders_answered_at_check check (
        (answered_at is not null) = (status in ('sent', 'failed'))
    ),
    constraint pending_orders_broker_order_id_check check (
        length(broker_order_id) between 1 and 255
        and (broker_order_id is null or answered_at is not null)
    ),
    constraint pending_orders_broker_status_check check (
        length(broker_status) between 1 and 255
        and (broker_status is null or answered_at is not null)
    )
);

alter table oadb.pending_orders
add constraint pending_orders_order_data_size_check check (
    octet_length(order_data::text) <= 65536
);

create index pending_orders_status_idx on oadb.pending_orders (user_id, status, pending_order_id);

comment on table oadb.pending_orders is
'Orders that wait for a person: pending, then approved or rejected; approved, then sent or failed.';
comment on column oadb.pending_orders.api_type is 'What was asked for: placeorder, smartorder.';
comment on column oadb.pending_orders.order_data is
'The order as it was asked for, without secrets.';
comment on column oadb.pending_orders.status is
'approved: on its way to the broker, or its process died; whether it arrived, the broker knows.';
comment on column oadb.pending_orders.decided_by is
'Null once it was decided: the platform rejected it, at the end of a day.';
comment on column oadb.pending_orders.reason is 'Why it was rejected, or why it failed.';

alter table oadb.pending_orders enable row level security, force row level security;

create policy user_policy on oadb.pending_orders
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);

create policy service_policy on oadb.pending_orders to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);

insert into oadb.role_privileges (role_name, table_name, privileges)
values
-- An order that waits is never altered: what is approved is what was asked for.
(
    'oadb_app', 'pending_orders',
    'select, insert (user_id, api_type, order_data), delete,
    update (status, decided_at, decided_by, reason, answered_at, broker_order_id, broker_status)'
),
('oadb_ro', 'pending_orders', 'select'),
(
    'oadb_user', 'pending_orders',
    'select, insert (user_id, api_type, order_data), delete,
    update (status, decided_at, decided_by, reason, answered_at, broker_order_id, broker_status)'
);

call oadb.renew_privileges();
