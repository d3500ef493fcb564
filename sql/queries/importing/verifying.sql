-- Rows of histories that oadb does not have as they would be imported. Bound in
-- oadb/importing/verifying.py.
--
-- Each parameter of a log is a column: an array in its text form, as in its store statement. The
-- user is not compared: OpenAlgo has none, and it depends on who was imported.

-- name: _list_missing_calls
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that api_logs does not have. Served by
-- api_logs_logged_at_idx.
-- fan-out: an import compares each batch with all users' rows, by their times.
-- grows: with the partitions of a log, in each of which a batch is looked up; an import runs it.
with found as materialized (
    select batch.position
    from
        unnest(
            :logged_at::text::timestamptz[],
            :user_id::text::bigint[],
            :endpoint::text::text[],
            :method::text::text[],
            :status::text::integer[],
            :ip::text::inet[],
            :request::text::jsonb[],
            :response::text::jsonb[],
            :error::text::text[]
        ) with ordinality as batch (
            logged_at,
            user_id,
            endpoint,
            method,
            status,
            ip,
            request,
            response,
            error,
            position
        )
    inner join oadb.api_logs
        on
            batch.logged_at = api_logs.logged_at
            and batch.endpoint is not distinct from api_logs.endpoint
            and batch.method is not distinct from api_logs.method
            and batch.status is not distinct from api_logs.status
            and batch.ip is not distinct from api_logs.ip
            and batch.request is not distinct from api_logs.request
            and batch.response is not distinct from api_logs.response
            and batch.error is not distinct from api_logs.error
)

select batch.position
from unnest(:logged_at::text::timestamptz[]) with ordinality as batch (logged_at, position)
where batch.position not in (select found.position from found)
order by batch.position;

-- name: _list_missing_analyses
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that analyzer_logs does not have. Served
-- by analyzer_logs_logged_at_idx.
-- fan-out: an import compares each batch with all users' rows, by their times.
-- grows: with the partitions of a log, in each of which a batch is looked up; an import runs it.
-- grows (as oadb_user): no import has an identity, which would read all partitions.
with found as materialized (
    select batch.position
    from
        unnest(
            :logged_at::text::timestamptz[],
            :user_id::text::bigint[],
            :api_type::text::text[],
            :request::text::jsonb[],
            :response::text::jsonb[]
        ) with ordinality as batch (
            logged_at,
            user_id,
            api_type,
            request,
            response,
            position
        )
    inner join oadb.analyzer_logs
        on
            batch.logged_at = analyzer_logs.logged_at
            and batch.api_type is not distinct from analyzer_logs.api_type
            and batch.request is not distinct from analyzer_logs.request
            and batch.response is not distinct from analyzer_logs.response
)

select batch.position
from unnest(:logged_at::text::timestamptz[]) with ordinality as batch (logged_at, position)
where batch.position not in (select found.position from found)
order by batch.position;

-- name: _list_missing_requests
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that traffic does not have. Served by
-- traffic_pkey.
-- fan-out: an import compares each batch with all rows, by their times.
-- grows: with the partitions of a log, in each of which a batch is looked up; an import runs it.
with found as materialized (
    select batch.position
    from
        unnest(
            :logged_at::text::timestamptz[],
            :ip::text::inet[],
            :method::text::text[],
            :path::text::text[],
            :endpoint::text::text[],
            :status::text::integer[],
            :duration_ms::text::double precision[],
            :host::text::text[],
            :user_id::text::bigint[],
            :error::text::text[]
        ) with ordinality as batch (
            logged_at,
            ip,
            method,
            path,
            endpoint,
            status,
            duration_ms,
            host,
            user_id,
            error,
            position
        )
    inner join oadb.traffic
        on
            batch.logged_at = traffic.logged_at
            and batch.ip is not distinct from traffic.ip
            and batch.method is not distinct from traffic.method
            and batch.path is not distinct from traffic.path
            and batch.endpoint is not distinct from traffic.endpoint
            and batch.status is not distinct from traffic.status
            and batch.duration_ms is not distinct from traffic.duration_ms
            and batch.host is not distinct from traffic.host
            and batch.error is not distinct from traffic.error
)

select batch.position
from unnest(:logged_at::text::timestamptz[]) with ordinality as batch (logged_at, position)
where batch.position not in (select found.position from found)
order by batch.position;

-- name: _list_missing_timings
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that latency does not have. Served by
-- latency_pkey.
-- fan-out: an import compares each batch with all rows, by their times.
-- grows: with the partitions of a log, in each of which a batch is looked up; an import runs it.
with found as materialized (
    select batch.position
    from
        unnest(
            :logged_at::text::timestamptz[],
            :user_id::text::bigint[],
            :order_id::text::text[],
            :broker::text::text[],
            :symbol::text::text[],
            :order_type::text::text[],
            :rtt_ms::text::double precision[],
            :validation_ms::text::double precision[],
            :response_ms::text::double precision[],
            :overhead_ms::text::double precision[],
            :total_ms::text::double precision[],
            :outcome::text::text[],
            :error::text::text[]
        ) with ordinality as batch (
            logged_at,
            user_id,
            order_id,
            broker,
            symbol,
            order_type,
            rtt_ms,
            validation_ms,
            response_ms,
            overhead_ms,
            total_ms,
            outcome,
            error,
            position
        )
    inner join oadb.latency
        on
            batch.logged_at = latency.logged_at
            and batch.order_id is not distinct from latency.order_id
            and batch.broker is not distinct from latency.broker
            and batch.symbol is not distinct from latency.symbol
            and batch.order_type is not distinct from latency.order_type
            and batch.rtt_ms is not distinct from latency.rtt_ms
            and batch.validation_ms is not distinct from latency.validation_ms
            and batch.response_ms is not distinct from latency.response_ms
            and batch.overhead_ms is not distinct from latency.overhead_ms
            and batch.total_ms is not distinct from latency.total_ms
            and batch.outcome is not distinct from latency.outcome
            and batch.error is not distinct from latency.error
)

select batch.position
from unnest(:logged_at::text::timestamptz[]) with ordinality as batch (logged_at, position)
where batch.position not in (select found.position from found)
order by batch.position;

-- name: _list_missing_attempts
-- scope: all users (a name may belong to no user)
-- The same of attempts to sign in, in the arrays of imports._record_attempts. Served by
-- login_attempts_pkey.
-- grows (as oadb_user): no import has an identity, which would read all partitions.
select attempts.position
from
    unnest(
        :attempted_ats::timestamptz[],
        :usernames::text[],
        :ips::text[],
        :devices::text[],
        :brokers::text[],
        :methods::text[],
        :outcomes::text[],
        :reasons::text[]
    ) with ordinality as attempts (
        attempted_at,
        username,
        ip,
        device,
        broker,
        method,
        outcome,
        reason,
        position
    )
where
    not exists (
        select 1
        from oadb.login_attempts
        where
            login_attempts.attempted_at = attempts.attempted_at
            and login_attempts.username = attempts.username
            and login_attempts.ip is not distinct from nullif(attempts.ip, '')::inet
            and login_attempts.device is not distinct from nullif(attempts.device, '')
            and login_attempts.broker is not distinct from nullif(attempts.broker, '')
            and login_attempts.method = attempts.method
            and login_attempts.outcome = attempts.outcome
            and login_attempts.reason is not distinct from nullif(attempts.reason, '')
    )
order by attempts.position;
