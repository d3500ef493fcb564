-- Search of instruments, as its users type it. Bound in oadb/instrument_search.py.
--
-- All find the same rows in the same order: by how the symbol matches the first term (1 it begins
-- so, 2 it holds it, 3 another column does), then shorter symbols first, then by their letters.
-- They differ in what they cost. A symbol that equals the term is the shortest that begins so.

-- name: estimate_matches
-- How many rows match and pass, by the hundredth part of the table's pages, always the same ones.
-- It chooses among the ways below, not what they find.
select 100 * count(*) as matches
from oadb.instruments tablesample system (1) repeatable (0)
where
    broker = :broker
    and search_text like all(:patterns::text[])
    and (:exchange::text is null or exchange = :exchange)
    and (:instrument_type::text is null or instrument_type = :instrument_type)
    and (:expiry::date is null or expiry = :expiry)
    and (:strike_min::numeric is null or strike >= :strike_min)
    and (:strike_max::numeric is null or strike <= :strike_max);

-- name: search_selective
-- Collects every match and sorts them: for terms that few rows match. Served by
-- instruments_search_text_idx, through up to three patterns.
select
    broker,
    exchange,
    symbol,
    name,
    broker_symbol,
    broker_exchange,
    token,
    instrument_type,
    underlying,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value
from oadb.instruments
where
    broker = :broker
    and search_text like :longest
    and search_text like :second
    and search_text like :third
    and search_text like all(:patterns::text[])
    and (:exchange::text is null or exchange = :exchange)
    and (:instrument_type::text is null or instrument_type = :instrument_type)
    and (:expiry::date is null or expiry = :expiry)
    and (:strike_min::numeric is null or strike >= :strike_min)
    and (:strike_max::numeric is null or strike <= :strike_max)
order by
    case strpos(upper(symbol), :first) when 1 then 1 when 0 then 3 else 2 end,
    length(symbol),
    upper(symbol),
    symbol,
    exchange
limit :wanted;

-- name: search_underlying
-- Looks at all derivatives of one underlying. Served by instruments_underlying_idx.
select
    broker,
    exchange,
    symbol,
    name,
    broker_symbol,
    broker_exchange,
    token,
    instrument_type,
    underlying,
    expiry,
    strike,
    lot_size,
    tick_size,
    contract_value
from oadb.instruments
where
    broker = :broker
    and underlying = :underlying
    and search_text like all(:patterns::text[])
    and (:exchange::text is null or exchange = :exchange)
    and (:instrument_type::text is null or instrument_type = :instrument_type)
    and (:expiry::date is null or expiry = :expiry)
    and (:strike_min::numeric is null or strike >= :strike_min)
    and (:strike_max::numeric is null or strike <= :strike_max)
order by
    case strpos(upper(symbol), :first) when 1 then 1 when 0 then 3 else 2 end,
    length(symbol),
    upper(symbol),
    symbol,
    exchange
limit :wanted;

-- name: search_beginning
-- Rank 1, for terms that many rows match. Those of one length stand together in
-- instruments_ranked_idx; it goes from length to length and stops when there are enough.
with sizes as materialized (
    select generate_series(length(:first), max(longest.size)) as size
    from (
        select length(symbol) as size
        from oadb.instruments
        where broker = :broker
        order by length(symbol) desc
        limit 1
    ) as longest
),

found as materialized (
    select
        sizes.size,
        ranked.capitals,
        ranked.symbol,
        ranked.exchange
    from sizes
    cross join
        lateral (
            select
                instruments.exchange,
                instruments.symbol,
                upper(instruments.symbol) as capitals
            from oadb.instruments
            where
                instruments.broker = :broker
                and length(instruments.symbol) = sizes.size
                and upper(instruments.symbol) >= :first
                and upper(instruments.symbol) <= :last
                and instruments.search_text like all(:patterns::text[])
                and (:exchange::text is null or instruments.exchange = :exchange)
                and (
                    :instrument_type::text is null or instruments.instrument_type = :instrument_type
                )
                and (:expiry::date is null or instruments.expiry = :expiry)
                and (:strike_min::numeric is null or instruments.strike >= :strike_min)
                and (:strike_max::numeric is null or instruments.strike <= :strike_max)
            order by
                upper(instruments.symbol),
                instruments.symbol,
                instruments.exchange
            limit :wanted
        ) as ranked
    order by
        sizes.size,
        ranked.capitals,
        ranked.symbol,
        ranked.exchange
    limit :wanted
)

select
    instruments.broker,
    instruments.exchange,
    instruments.symbol,
    instruments.name,
    instruments.broker_symbol,
    instruments.broker_exchange,
    instruments.token,
    instruments.instrument_type,
    instruments.underlying,
    instruments.expiry,
    instruments.strike,
    instruments.lot_size,
    instruments.tick_size,
    instruments.contract_value
from found
inner join oadb.instruments
    on
        found.exchange = instruments.exchange
        and found.symbol = instruments.symbol
where instruments.broker = :broker
order by
    found.size,
    found.capitals,
    found.symbol,
    found.exchange;

-- name: search_further
-- Rank 2 or 3, for terms that many rows match. Walks instruments_ranked_idx, which has the order
-- of the result, and stops when there are enough. :most is more than there are: a limit keeps the
-- conditions out of the walk, and one that is not known beforehand makes it the plan of choice.
-- The cheapest condition comes first: most rows fail it.
with walked as (
    select
        exchange,
        symbol,
        instrument_type,
        expiry,
        strike,
        search_text,
        length(symbol) as size,
        upper(symbol) as capitals
    from oadb.instruments
    where broker = :broker
    order by
        length(symbol),
        upper(symbol),
        symbol,
        exchange
    limit :most
),

found as materialized (
    select
        size,
        capitals,
        symbol,
        exchange
    from walked
    where
        search_text like :first_pattern
        and case strpos(capitals, :first) when 1 then 1 when 0 then 3 else 2 end = :rank
        and search_text like all(:patterns::text[])
        and (:exchange::text is null or exchange = :exchange)
        and (:instrument_type::text is null or instrument_type = :instrument_type)
        and (:expiry::date is null or expiry = :expiry)
        and (:strike_min::numeric is null or strike >= :strike_min)
        and (:strike_max::numeric is null or strike <= :strike_max)
    order by
        size,
        capitals,
        symbol,
        exchange
    limit :wanted
)

select
    instruments.broker,
    instruments.exchange,
    instruments.symbol,
    instruments.name,
    instruments.broker_symbol,
    instruments.broker_exchange,
    instruments.token,
    instruments.instrument_type,
    instruments.underlying,
    instruments.expiry,
    instruments.strike,
    instruments.lot_size,
    instruments.tick_size,
    instruments.contract_value
from found
inner join oadb.instruments
    on
        found.exchange = instruments.exchange
        and found.symbol = instruments.symbol
where instruments.broker = :broker
order by
    found.size,
    found.capitals,
    found.symbol,
    found.exchange;
