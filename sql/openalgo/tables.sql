-- OpenAlgo's tables, read by oadb.importing from SQLite and PostgreSQL.
--
-- Whole rows (hence AM04), because versions of OpenAlgo have different columns; missing and new
-- ones are reported. In pages, because readers of a SQLite file block its writers. The primary
-- key serves every statement.

-- name: users
select * -- noqa: AM04
from users
where id > :after
order by id
limit :most;

-- name: auth
select * -- noqa: AM04
from auth
where id > :after
order by id
limit :most;

-- name: api_keys
select * -- noqa: AM04
from api_keys
where id > :after
order by id
limit :most;

-- name: login_attempts
select * -- noqa: AM04
from login_attempts
where id > :after
order by id
limit :most;

-- name: symtoken
select * -- noqa: AM04
from symtoken
where id > :after
order by id
limit :most;

-- name: order_logs
select * -- noqa: AM04
from order_logs
where id > :after
order by id
limit :most;

-- name: analyzer_logs
select * -- noqa: AM04
from analyzer_logs
where id > :after
order by id
limit :most;

-- name: traffic_logs
select * -- noqa: AM04
from traffic_logs
where id > :after
order by id
limit :most;

-- name: order_latency
select * -- noqa: AM04
from order_latency
where id > :after
order by id
limit :most;

-- name: settings
select * -- noqa: AM04
from settings
where id > :after
order by id
limit :most;

-- name: ip_bans
select * -- noqa: AM04
from ip_bans
where id > :after
order by id
limit :most;

-- name: pending_orders
select * -- noqa: AM04
from pending_orders
where id > :after
order by id
limit :most;

-- name: strategies
select * -- noqa: AM04
from strategies
where id > :after
order by id
limit :most;

-- name: strategy_symbol_mappings
select * -- noqa: AM04
from strategy_symbol_mappings
where id > :after
order by id
limit :most;

-- name: chartink_strategies
select * -- noqa: AM04
from chartink_strategies
where id > :after
order by id
limit :most;

-- name: chartink_symbol_mappings
select * -- noqa: AM04
from chartink_symbol_mappings
where id > :after
order by id
limit :most;
