-- OpenAlgo's tables, as they are read by oadb.importing from SQLite and from PostgreSQL.
--
-- Whole rows: which columns there are differs with the version, and what is missing or new is
-- reported, not an error.

-- name: users
select * -- noqa: AM04
from users
where id > :after
order by id;

-- name: auth
select * -- noqa: AM04
from auth
where id > :after
order by id;

-- name: api_keys
select * -- noqa: AM04
from api_keys
where id > :after
order by id;

-- name: login_attempts
select * -- noqa: AM04
from login_attempts
where id > :after
order by id;

-- name: symtoken
select * -- noqa: AM04
from symtoken
where id > :after
order by id;

-- name: order_logs
select * -- noqa: AM04
from order_logs
where id > :after
order by id;

-- name: analyzer_logs
select * -- noqa: AM04
from analyzer_logs
where id > :after
order by id;

-- name: traffic_logs
select * -- noqa: AM04
from traffic_logs
where id > :after
order by id;

-- name: order_latency
select * -- noqa: AM04
from order_latency
where id > :after
order by id;

-- name: settings
select * -- noqa: AM04
from settings
where id > :after
order by id;

-- name: ip_bans
select * -- noqa: AM04
from ip_bans
where id > :after
order by id;

-- name: strategies
select * -- noqa: AM04
from strategies
where id > :after
order by id;

-- name: strategy_symbol_mappings
select * -- noqa: AM04
from strategy_symbol_mappings
where id > :after
order by id;

-- name: chartink_strategies
select * -- noqa: AM04
from chartink_strategies
where id > :after
order by id;

-- name: chartink_symbol_mappings
select * -- noqa: AM04
from chartink_symbol_mappings
where id > :after
order by id;
