-- depends: 0019_create_pending_orders
-- Strategies: what a platform's alerts trade, and the webhooks by which they come.
--
-- Those of Chartink are rows of the same tables: oadb/chartink.py reads them in its own words.
--
-- Lock: share row exclusive on oadb.users, for an instant, for the foreign key.

set local lock_timeout = '4s';

create table oadb.strategies (
    user_id            bigint           not null,
    strategy_id        uuid             not null,
    name               text             not null,
    platform           text collate "C" not null,
    trading_mode       text             not null,
    definition         jsonb            not null,
    is_active          boolean          not null default true,
    is_intraday        boolean          not null,
    start_time         time,
    end_time           time,
    squareoff_time     time,
    time_zone          text             not null,
    webhook_hint       text             not null,
    token_digest       bytea            not null,
    fingerprint        bytea            not null,
    key_id             bigint           generated always as (oadb.key_id_of(fingerprint)) stored,
    webhook_revoked_at timestamptz,
    created_at         timestamptz      not null default now(),
    updated_at         timestamptz      not null default now(),

    constraint strategies_pkey primary key (user_id, strategy_id),
    constraint strategies_user_id_fkey
    foreign key (user_id) references oadb.users (user_id) on delete cascade,
    constraint strategies_key_id_fkey
    foreign key (key_id) references oadb.key_canaries (key_id),
    constraint strategies_name_check check (length(name) between 1 and 255),
    constraint strategies_platform_check check (platform ~ '^[a-z0-9_]{1,50}$'),
    -- A scan of Chartink buys, sells, shorts and covers; its alert says which.
    constraint strategies_trading_mode_check check (
        trading_mode in ('LONG', 'SHORT', 'BOTH')
        and (platform <> 'chartink' or trading_mode = 'BOTH')
    ),
    -- What a caller may give is a tenth of it: a number can be longer here than it was there.
    constraint strategies_definition_check check (
        jsonb_typeof(definition) = 'object' and pg_column_size(definition) <= 1000000
    ),
    -- Null is no limit, and in no order.
    constraint strategies_end_time_check check (start_time < end_time),
    constraint strategies_squareoff_time_check check (
        start_time < squareoff_time and end_time <= squareoff_time
    ),
    constraint strategies_time_zone_check check (length(time_zone) between 1 and 100),
    constraint strategies_webhook_hint_check check (length(webhook_hint) between 1 and 20),
    constraint strategies_token_digest_check check (octet_length(token_digest) = 32),
    constraint strategies_fingerprint_check check (oadb.is_sealed(fingerprint))
);

-- Not unique, so that the table can be distributed by user_id: two random tokens do not meet.
create index strategies_token_digest_idx on oadb.strategies (token_digest);
create index strategies_key_id_idx on oadb.strategies (key_id, user_id, strategy_id);

comment on table oadb.strategies is
'Strategies of users, those of Chartink as well; an alert finds its own by the webhook.';
comment on column oadb.strategies.platform is
'Where the alerts come from. chartink: read by oadb/chartink.py, and by nothing else.';
comment on column oadb.strategies.trading_mode is 'What its alerts may do: LONG, SHORT, BOTH.';
comment on column oadb.strategies.definition is 'What the service that runs it needs to know.';
comment on column oadb.strategies.start_time is
'By the clock of time_zone, no position is opened before. Null: no limit.';
comment on column oadb.strategies.end_time is
'By the clock of time_zone, no position is opened from then on. Null: no limit.';
comment on column oadb.strategies.squareoff_time is
'By the clock of time_zone, positions are closed. Null: they are left open.';
comment on column oadb.strategies.time_zone is 'A name of the IANA database: Asia/Kolkata.';
comment on column oadb.strategies.webhook_hint is
'First and last characters, so that a person can tell webhooks apart.';
comment on column oadb.strategies.token_digest is 'HMAC-SHA256 of the SHA-256 of the webhook.';
comment on column oadb.strategies.fingerprint is
'Sealed: the SHA-256 of the webhook, from which a digest under a new root key can be made.';
comment on column oadb.strategies.key_id is 'The root key of digest and fingerprint.';
comment on column oadb.strategies.webhook_revoked_at is 'Null: alerts that show it are taken.';
comment on column oadb.strategies.updated_at is 'Of the strategy or one of its mappings.';

create table oadb.strategy_mappings (
    user_id      bigint           not null,
    strategy_id  uuid             not null,
    symbol       text collate "C" not null,
    exchange     text collate "C" not null,
    quantity     bigint           not null,
    product_type text             not null,

    -- One for each symbol: an alert names nothing else.
    constraint strategy_mappings_pkey primary key (user_id, strategy_id, symbol),
    constraint strategy_mappings_strategy_id_fkey
    foreign key (user_id, strategy_id)
    references oadb.strategies (user_id, strategy_id) on delete cascade,
    constraint strategy_mappings_symbol_check check (length(symbol) between 1 and 200),
    constraint strategy_mappings_exchange_check check (length(exchange) between 1 and 50),
    constraint strategy_mappings_quantity_check check (quantity > 0),
    constraint strategy_mappings_product_type_check check (
        product_type in ('CNC', 'MIS', 'NRML')
    )
);

comment on table oadb.strategy_mappings is
'Which symbols the alerts of a strategy may name, and what is then ordered.';
comment on column oadb.strategy_mappings.symbol is 'As the alert spells it.';

alter table oadb.strategies enable row level security, force row level security;
alter table oadb.strategy_mappings enable row level security, force row level security;

create policy user_policy on oadb.strategies
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);
create policy user_policy on oadb.strategy_mappings
using (user_id = nullif(current_setting('oadb.user_id', true), '')::bigint);

create policy service_policy on oadb.strategies to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);
create policy service_policy on oadb.strategy_mappings to current_user
using (nullif(current_setting('oadb.user_id', true), '') is null);

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'strategies', 'select, insert, update, delete'),
('oadb_app', 'strategy_mappings', 'select, insert, update, delete'),
(
    'oadb_rotate', 'strategies',
    'select (user_id, strategy_id, fingerprint, key_id), update (token_digest, fingerprint)'
),
(
    'oadb_ro', 'strategies',
    'select (user_id, strategy_id, name, platform, trading_mode, definition, is_active,
    is_intraday, start_time, end_time, squareoff_time, time_zone, webhook_hint, key_id,
    webhook_revoked_at, created_at, updated_at)'
),
('oadb_ro', 'strategy_mappings', 'select'),
('oadb_user', 'strategies', 'select, insert, update, delete'),
('oadb_user', 'strategy_mappings', 'select, insert, update, delete');

call oadb.renew_privileges();
