-- Records of loads of instruments, and how old the instruments are. Bound in oadb/market/loads.py.

-- name: _start_load
-- Returns the id of the load, which stays 'started' if its process dies. Also makes what
-- staging._claim_load locks.
with claim as (
    insert into oadb.claims (subject)
    values ('instruments ' || :broker)
    on conflict (subject) do nothing
)

insert into oadb.instrument_loads (
    broker,
    source,
    checksum
)
values (
    :broker,
    :source,
    :checksum
)
returning load_id;

-- name: _end_load
-- The load failed if there is a :reason. Its list was downloaded at :downloaded_at, and now if that
-- is left out. Served by instrument_loads_pkey.
update oadb.instrument_loads
set
    outcome = case when :reason::text is null then 'loaded' else 'failed' end,
    reason = :reason,
    ended_at = clock_timestamp(),
    downloaded_at = case
        when :reason::text is not null then null
        when not :downloaded_at_is_set then clock_timestamp()
        when :downloaded_at::timestamptz > clock_timestamp() then clock_timestamp()
        else :downloaded_at::timestamptz
    end,
    counts = :counts,
    exchanges = :exchanges,
    left_out = :left_out
where load_id = :load_id;

-- name: list_recent
-- Newest first. Served by instrument_loads_pkey: each broker loads about as often as the others.
select
    load_id,
    broker,
    source,
    checksum,
    outcome,
    reason,
    started_at,
    ended_at,
    downloaded_at,
    counts,
    exchanges,
    left_out
from oadb.instrument_loads
where
    broker = :broker
    and load_id < :last_load_id  --? cursor
order by load_id desc
limit :limit;

-- name: delete_old
-- Deletes at most :batch loads that began :older_than ago, but for the last successful one of each
-- broker and those after it. Reads all of them, a few for each broker and day: served by
-- instrument_loads_pkey and instrument_loads_broker_idx.
delete from oadb.instrument_loads
where load_id in (
    select old.load_id
    from oadb.instrument_loads as old
    where
        old.started_at < now() - cast(:older_than as interval)
        and exists (
            select 1 from oadb.instrument_loads as later
            where
                later.broker = old.broker
                and later.load_id > old.load_id
                and later.outcome = 'loaded'
        )
    order by old.load_id
    limit :batch
);

-- name: get_status
-- is_running: a load of this broker holds its lock now; a load that is 'started' but
-- not running has died. No row if there never was a load. Served by instrument_loads_broker_idx.
select
    instrument_loads.load_id,
    instrument_loads.outcome,
    instrument_loads.reason,
    instrument_loads.started_at,
    (
        select max(loaded.ended_at)
        from oadb.instrument_loads as loaded
        where
            loaded.broker = instrument_loads.broker
            and loaded.outcome = 'loaded'
    ) as loaded_at,
    exists(
        select
        from pg_catalog.pg_locks
        where
            pg_locks.locktype = 'advisory'
            and pg_locks.database = (
                select pg_database.oid
                from pg_catalog.pg_database
                where pg_database.datname = current_database()
            )
            and pg_locks.objsubid = 1
            and pg_locks.classid::bigint << 32 | pg_locks.objid::bigint
            = pg_catalog.hashtextextended('oadb.instruments ' || instrument_loads.broker, 0)
    ) as is_running
from oadb.instrument_loads
where instrument_loads.broker = :broker
order by instrument_loads.load_id desc
limit 1;

-- name: _list_exchange_status
-- is_due: the list of the exchange was not downloaded since the last :cutoff in :time_zone, or it
-- is not known when. Skips from one exchange to the next in instruments_broker_symbol_idx, where
-- there are few rows in instruments_token_key, and to the last load that brought it in
-- instrument_loads_downloaded_at_idx.
with recursive listed (exchange) as (
    (
        select exchange
        from oadb.instruments
        where broker = :broker
        order by exchange
        limit 1
    )
    union all
    select following.exchange
    from listed
    cross join lateral (
        select instruments.exchange
        from oadb.instruments
        where
            instruments.broker = :broker
            and instruments.exchange > listed.exchange
        order by instruments.exchange
        limit 1
    ) as following
),

last_cutoff as (
    select
        timezone(
            :time_zone,
            date_trunc('day', timezone(:time_zone, now()) - cast(:cutoff as time)::interval)
            + cast(:cutoff as time)
        ) as since
)

select
    listed.exchange,
    brought.downloaded_at,
    coalesce(brought.downloaded_at < last_cutoff.since, true) as is_due
from listed
cross join last_cutoff
left join lateral (
    select instrument_loads.downloaded_at
    from oadb.instrument_loads
    where
        instrument_loads.broker = :broker
        and instrument_loads.downloaded_at is not null
        and instrument_loads.exchanges ? listed.exchange
    order by instrument_loads.downloaded_at desc
    limit 1
) as brought on true
order by listed.exchange;
