-- Rows of histories that oadb does not have as they would be imported. Bound in
-- oadb/importing/verifying.py.
--
-- Each parameter of a log is a column: an array in its text form, as in its store statement. The
-- user is not compared: OpenAlgo has none, and it depends on who was imported.

-- name: _list_missing_calls
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that api_logs does not have. Served by
-- api_logs_pkey.
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
where
    not exists (
        select 1
        from oadb.api_logs
        where
            api_logs.logged_at = batch.logged_at
            and api_logs.endpoint is not distinct from batch.endpoint
            and api_logs.method is not distinct from batch.method
            and api_logs.status is not distinct from batch.status
            and api_logs.ip is not distinct from batch.ip
            and api_logs.request is not distinct from batch.request
            and api_logs.response is not distinct from batch.response
            and api_logs.error is not distinct from batch.error
    )
order by batch.position;

-- name: _list_missing_analyses
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that analyzer_logs does not have. Served
-- by analyzer_logs_pkey.
-- grows (as oadb_user): no import has an identity, which would read all partitions.
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
where
    not exists (
        select 1
        from oadb.analyzer_logs
        where
            analyzer_logs.logged_at = batch.logged_at
            and analyzer_logs.api_type is not distinct from batch.api_type
            and analyzer_logs.request is not distinct from batch.request
            and analyzer_logs.response is not distinct from batch.response
    )
order by batch.position;

-- name: _list_missing_requests
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that traffic does not have. Served by
-- traffic_pkey.
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
where
    not exists (
        select 1
        from oadb.traffic
        where
            traffic.logged_at = batch.logged_at
            and traffic.ip is not distinct from batch.ip
            and traffic.method is not distinct from batch.method
            and traffic.path is not distinct from batch.path
            and traffic.endpoint is not distinct from batch.endpoint
            and traffic.status is not distinct from batch.status
            and traffic.duration_ms is not distinct from batch.duration_ms
            and traffic.host is not distinct from batch.host
            and traffic.error is not distinct from batch.error
    )
order by batch.position;

-- name: _list_missing_timings
-- scope: all users (an import has rows of nobody, too)
-- The positions, from 1, of rows of a batch that latency does not have. Served by
-- latency_pkey.
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
where
    not exists (
        select 1
        from oadb.latency
        where
            latency.logged_at = batch.logged_at
            and latency.order_id is not distinct from batch.order_id
            and latency.broker is not distinct from batch.broker
            and latency.symbol is not distinct from batch.symbol
            and latency.order_type is not distinct from batch.order_type
            and latency.rtt_ms is not distinct from batch.rtt_ms
            and latency.validation_ms is not distinct from batch.validation_ms
            and latency.response_ms is not distinct from batch.response_ms
            and latency.overhead_ms is not distinct from batch.overhead_ms
            and latency.total_ms is not distinct from batch.total_ms
            and latency.outcome is not distinct from batch.outcome
            and latency.error is not distinct from batch.error
    )
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
