-- depends: 0025_refuse_api_keys
-- What several statements read as one, as views: a strategy with its mappings, and each part of a
-- call to a broker that was measured.
--
-- A view is read with the rights of the caller (security_invoker): row-level security and the
-- privileges of columns are those of the tables. It has no column that is sealed or digested, for
-- the caller needs the privilege to read every column that a view names.
--
-- Lock: none on tables that are there already.

set local lock_timeout = '4s';

create view oadb.strategies_with_mappings with (security_invoker = true) as
select
    strategies.user_id,
    strategies.strategy_id,
    strategies.name,
    strategies.platform,
    strategies.trading_mode,
    strategies.definition,
    strategies.is_active,
    strategies.is_intraday,
    strategies.start_time,
    strategies.end_time,
    strategies.squareoff_time,
    strategies.time_zone,
    strategies.webhook_hint,
    strategies.webhook_revoked_at,
    strategies.created_at,
    strategies.updated_at,
    mapped.symbols,
    mapped.exchanges,
    mapped.quantities,
    mapped.product_types
from oadb.strategies
cross join
    lateral (
        select
            coalesce(array_agg(mappings.symbol order by mappings.symbol), '{}') as symbols,
            coalesce(array_agg(mappings.exchange order by mappings.symbol), '{}') as exchanges,
            coalesce(array_agg(mappings.quantity order by mappings.symbol), '{}') as quantities,
            coalesce(
                array_agg(mappings.product_type order by mappings.symbol), '{}'
            ) as product_types
        from oadb.strategy_mappings as mappings
        where
            mappings.user_id = strategies.user_id
            and mappings.strategy_id = strategies.strategy_id
    ) as mapped;

comment on view oadb.strategies_with_mappings is
'A strategy of any platform with all of its mappings, without what is secret of its webhook.';
comment on column oadb.strategies_with_mappings.symbols is
'Of its mappings, in order; the other arrays have one value for each. Empty: it has no mapping.';
comment on column oadb.strategies_with_mappings.exchanges is 'One for each of the symbols.';
comment on column oadb.strategies_with_mappings.quantities is 'One for each of the symbols.';
comment on column oadb.strategies_with_mappings.product_types is 'One for each of the symbols.';

create view oadb.latency_parts with (security_invoker = true) as
select
    latency.log_id,
    latency.logged_at,
    latency.broker,
    latency.outcome,
    parts.part,
    parts.duration_ms
from
    oadb.latency,
    lateral (
        values
        ('rtt', latency.rtt_ms),
        ('validation', latency.validation_ms),
        ('response', latency.response_ms),
        ('overhead', latency.overhead_ms),
        ('total', latency.total_ms)
    ) as parts (part, duration_ms)
where parts.duration_ms is not null;

comment on view oadb.latency_parts is
'A part of a call to a broker that was measured: up to five rows for each row of latency.';
comment on column oadb.latency_parts.part is 'rtt, validation, response, overhead or total.';
comment on column oadb.latency_parts.duration_ms is 'Of this part; never null.';

insert into oadb.role_privileges (role_name, table_name, privileges)
values
('oadb_app', 'strategies_with_mappings', 'select'),
('oadb_app', 'latency_parts', 'select'),
('oadb_ro', 'strategies_with_mappings', 'select'),
('oadb_ro', 'latency_parts', 'select'),
('oadb_user', 'strategies_with_mappings', 'select');

call oadb.renew_privileges();
