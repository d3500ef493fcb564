-- Search of instruments by terms that users type. Bound in oadb/market/search.py.
--
-- All statements find the same rows and order them by rank: 1 if the symbol begins with the first
-- term, 2 if it contains the term, 3 if another column does; then shorter symbols first, then by
-- alphabet. A symbol that equals the term is the shortest of rank 1. The statements differ in cost.

-- name: _estimate_matches
-- Estimates how many rows match, from pages at even distances, so that each broker has its share
-- of them: one page in 200, at least 20 and at most 60, so that it costs the same with ten brokers.
-- Says also whether most rows are of other brokers. It decides which statement runs, not what is
-- found.
with sizes as materialized (
    select pg_relation_size('oadb.instruments') / 8192 as pages
),

samples as materialized (
    select
        pages,
        least(pages, greatest(20, least(60, pages / 200))) as wanted
    from sizes
),

places as (
    select generate_series(0, wanted - 1) * pages / wanted as page
    from samples
    order by page
    limit 60  -- Which is all: the planner knows no other bound.
)

select
    coalesce((sum(looked_at.matches) * max(samples.pages) / max(samples.wanted))::bigint, 0)
        as matches,
    coalesce(2 * sum(looked_at.own) < sum(looked_at.instruments), false) as is_shared
from samples
cross join places
cross join
    lateral (
        select
            count(*) as instruments,
            count(*) filter (where instruments.broker = :broker) as own,
            count(*) filter (
                where
                instruments.broker = :broker
                and instruments.search_text like all(:patterns::text[])
                and (:exchange::text is null or instruments.exchange = :exchange)
                and (
                    :instrument_type::text is null
                    or instruments.instrument_type = :instrument_type
                )
                and (:expiry::date is null or instruments.expiry = :expiry)
                and (:strike_min::numeric is null or instruments.strike >= :strike_min)
                and (:strike_max::numeric is null or instruments.strike <= :strike_max)
            ) as matches
        from oadb.instruments
        where
            instruments.ctid >= ('(' || places.page::text || ',0)')::tid
            and instruments.ctid < ('(' || (places.page + 1)::text || ',0)')::tid
    ) as looked_at;

-- name: _search_beginning
-- Rank 1, among the first :most symbols that begin with the term. Reads instruments_ranked_idx,
-- where symbols of one length are adjacent, length by length until there are enough rows.
with longest as materialized (
    select length(symbol) as size
    from oadb.instruments
    where broker = :broker
    order by length(symbol) desc
    limit 1
),

walked as (
    select
        sizes.size,
        ranked.capitals,
        ranked.broker,
        ranked.exchange,
        ranked.symbol,
        ranked.name,
        ranked.broker_symbol,
        ranked.broker_exchange,
        ranked.token,
        ranked.instrument_type,
        ranked.underlying,
        ranked.expiry,
        ranked.strike,
        ranked.lot_size,
        ranked.tick_size,
        ranked.contract_value,
        ranked.freeze_quantity,
        ranked.search_text
    from (
        select generate_series(length(:first), longest.size) as size
        from longest
        order by size
    ) as sizes
    cross join
        lateral (
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
                instruments.contract_value,
                instruments.freeze_quantity,
                instruments.search_text,
                upper(instruments.symbol) as capitals
            from oadb.instruments
            where
                instruments.broker = :broker
                and length(instruments.symbol) = sizes.size
                and upper(instruments.symbol) >= :first
                and upper(instruments.symbol) <= :last
            order by
                upper(instruments.symbol),
                instruments.symbol,
                instruments.exchange
            limit :most
        ) as ranked
    order by
        sizes.size,
        ranked.capitals,
        ranked.symbol,
        ranked.exchange
    limit :most
)

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
    contract_value,
    freeze_quantity
from walked
where
    search_text like all(:patterns::text[])
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
limit :wanted;

-- name: _search_selective
-- Collects and sorts all matches: for terms that few rows match. Served by
-- instruments_broker_text_idx with up to three patterns; :others are the rest. The broker is looked
-- up there as well if most rows are of others (:among): of the only one, that costs more than it
-- saves.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and broker || '' = :among  --? among
    and search_text like :longest
    and search_text like :second
    and search_text like :third
    and search_text like all(:others::text[])
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

-- name: _search_further
-- Rank 2 or 3, for terms that many rows match. instruments_broker_text_idx groups the symbols of a
-- broker by length, five lengths a group: reads it group by group until there are enough rows.
-- Looks up only one trigram of a common term: further ones cost as much each and leave out few.
-- Served by instruments_pkey and instruments_ranked_idx.
with recursive longest as materialized (
    select length(symbol) as size
    from oadb.instruments
    where broker = :broker
    order by length(symbol) desc
    limit 1
),

steps (five, matches, exchanges, symbols) as (
    select
        -1 as five,
        0::bigint as matches,
        null::text[] collate "C" as exchanges,
        null::text[] collate "C" as symbols
    union all
    select
        step.five,
        step.matches,
        step.exchanges,
        step.symbols
    from steps
    cross join
        lateral (
            with best as (
                select
                    instruments.exchange,
                    instruments.symbol
                from oadb.instruments
                where
                    instruments.broker = :broker
                    and instruments.broker || ' ' || (length(instruments.symbol) / 5)::text
                    = :broker || ' ' || (steps.five + 1)::text
                    and instruments.search_text like :longest
                    and instruments.search_text like :second
                    and instruments.search_text like :third
                    and case strpos(upper(instruments.symbol), :first)
                        when 1 then 1 when 0 then 3 else 2
                    end = :rank
                    and instruments.search_text like all(:patterns::text[])
                    and (:exchange::text is null or instruments.exchange = :exchange)
                    and (
                        :instrument_type::text is null
                        or instruments.instrument_type = :instrument_type
                    )
                    and (:expiry::date is null or instruments.expiry = :expiry)
                    and (:strike_min::numeric is null or instruments.strike >= :strike_min)
                    and (:strike_max::numeric is null or instruments.strike <= :strike_max)
                order by
                    length(instruments.symbol),
                    upper(instruments.symbol),
                    instruments.symbol,
                    instruments.exchange
                limit :wanted
            )

            select
                steps.five + 1 as five,
                steps.matches + count(*) as matches,
                array_agg(best.exchange) as exchanges,
                array_agg(best.symbol) as symbols
            from best
        ) as step
    where
        steps.matches < :wanted
        and steps.five < (select longest.size / 5 from longest)
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
    instruments.contract_value,
    instruments.freeze_quantity
from steps
cross join lateral unnest(steps.exchanges, steps.symbols) as found (exchange, symbol)
inner join oadb.instruments
    on
        found.exchange = instruments.exchange
        and found.symbol = instruments.symbol
where instruments.broker = :broker
order by
    length(instruments.symbol),
    upper(instruments.symbol),
    instruments.symbol,
    instruments.exchange
limit :wanted;

-- name: _search_walking
-- Rank 2, among the first :most symbols, for terms without a trigram. Reads
-- instruments_ranked_idx, which has the order of the result, until there are enough rows. Fetches a
-- row only if its symbol contains the term; the limit keeps the planner from joining all rows.
-- Served by instruments_pkey.
with walked as (
    select
        exchange,
        symbol,
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
    instruments.contract_value,
    instruments.freeze_quantity
from walked
cross join
    lateral (
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
            instruments.contract_value,
            instruments.freeze_quantity
        from oadb.instruments
        where
            instruments.broker = :broker
            and instruments.exchange = walked.exchange
            and instruments.symbol = walked.symbol
            and instruments.search_text like all(:patterns::text[])
            and (:exchange::text is null or instruments.exchange = :exchange)
            and (:instrument_type::text is null or instruments.instrument_type = :instrument_type)
            and (:expiry::date is null or instruments.expiry = :expiry)
            and (:strike_min::numeric is null or instruments.strike >= :strike_min)
            and (:strike_max::numeric is null or instruments.strike <= :strike_max)
        order by instruments.symbol
        limit 1
    ) as instruments
where strpos(walked.capitals, :first) > 1
order by
    walked.size,
    walked.capitals,
    walked.symbol,
    walked.exchange
limit :wanted;

-- name: _search_scanning
-- Reads the whole table, for searches that no index serves; of one underlying, all its derivatives,
-- by instruments_underlying_idx.
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
    contract_value,
    freeze_quantity
from oadb.instruments
where
    broker = :broker
    and underlying in (:underlying, upper(:underlying collate "C"))  --? underlying
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
