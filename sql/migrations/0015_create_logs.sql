-- depends: 0014_search_instruments
-- Logs: what was asked of the platform, and how it went. Partitioned by time, written in batches.
--
-- Lock: none on tables that are there already.

-- Every table is new.
-- An HTTP status will not outgrow 32 bits.
-- squawk-ignore-file require-concurrent-index-creation, prefer-bigint-over-int

set local lock_timeout = '4s';

create table oadb.api_logs (
    log_id    bigint      generated always as identity,
    logged_at timestamptz not null,
    user_id   bigint,
    endpoint  text        not null,
    method    text        not null,
    status    integer     not null,
    ip        inet,
    request   jsonb,
    response  jsonb,
    error     text,

    constraint api_logs_pkey primary key (logged_at, log_id),
    constraint api_logs_status_check check (status between 100 and 599)
) partition by range (logged_at);

create index api_logs_user_id_idx on oadb.api_logs (user_id, logged_at, log_id);
create index api_logs_endpoint_idx on oadb.api_logs (endpoint, logged_at, log_id);
create index api_logs_status_idx on oadb.api_logs (status, logged_at, log_id);
-- They answer containment alone: half as large as jsonb_ops would be, and faster.
create index api_logs_request_idx on oadb.api_logs using gin (request jsonb_path_ops);
create index api_logs_response_idx on oadb.api_logs using gin (response jsonb_path_ops);

comment on table oadb.api_logs is
'Requests to the API, orders among them, and what they were answered. Secrets are redacted.';
comment on column oadb.api_logs.user_id is
'Null: nobody was signed in. No foreign key: a log outlives the user, and ids are not used again.';

create table oadb.analyzer_logs (
    log_id    bigint      generated always as identity,
    logged_at timestamptz not null,
    user_id   bigint,
    api_type  text        not null,
    request   jsonb       not null,
    response  jsonb       not null,

    constraint analyzer_logs_pkey primary key (logged_at, log_id)
) partition by range (logged_at);

create index analyzer_logs_user_id_idx on oadb.analyzer_logs (user_id, logged_at, log_id);

comment on table oadb.analyzer_logs is
'Orders that were analyzed instead of sent to a broker. Secrets are redacted.';

create table oadb.traffic (
    log_id      bigint           generated always as identity,
    logged_at   timestamptz      not null,
    ip          inet             not null,
    method      text             not null,
    path        text             not null,
    endpoint    text,
    status      integer          not null,
    duration_ms double precision not null,
    host        text,
    user_id     bigint,
    error       text,

    constraint traffic_pkey primary key (logged_at, log_id),
    constraint traffic_status_check check (status between 100 and 599),
    constraint traffic_duration_ms_check check (duration_ms between 0 and 1e9)
) partition by range (logged_at);

comment on table oadb.traffic is 'HTTP requests, whatever they asked for.';
comment on column oadb.traffic.endpoint is
'The route that took it, such as /api/v1/placeorder: one of few. Null: none did.';

create table oadb.latency (
    log_id        bigint           generated always as identity,
    logged_at     timestamptz      not null,
    user_id       bigint,
    order_id      text,
    broker        text,
    symbol        text,
    order_type    text,
    rtt_ms        double precision,
    validation_ms double precision,
    response_ms   double precision,
    overhead_ms   double precision,
    total_ms      double precision not null,
    outcome       text             not null,
    error         text,

    constraint latency_pkey primary key (logged_at, log_id),
    constraint latency_rtt_ms_check check (rtt_ms between 0 and 1e9),
    constraint latency_validation_ms_check check (validation_ms between 0 and 1e9),
    constraint latency_response_ms_check check (response_ms between 0 and 1e9),
    constraint latency_overhead_ms_check check (overhead_ms between -1e9 and 1e9),
    constraint latency_total_ms_check check (total_ms between 0 and 1e9),
    constraint latency_outcome_check check (outcome in ('succeeded', 'failed', 'partial'))
) partition by range (logged_at);

comment on table oadb.latency is 'How long calls to brokers took, part by part.';
comment on column oadb.latency.rtt_ms is 'From the request to the broker to its answer.';

-- Where no partition was made ahead: no row is refused, and oadb maintain moves them on.
create table oadb.api_logs_default partition of oadb.api_logs default;
create table oadb.analyzer_logs_default partition of oadb.analyzer_logs default;
create table oadb.traffic_default partition of oadb.traffic default;
create table oadb.latency_default partition of oadb.latency default;

comment on table oadb.api_logs_default is 'Rows of a time that has no partition; should be empty.';
comment on table oadb.analyzer_logs_default is
'Rows of a time that has no partition; should be empty.';
comment on table oadb.traffic_default is 'Rows of a time that has no partition; should be empty.';
comment on table oadb.latency_default is 'Rows of a time that has no partition; should be empty.';

create table oadb.log_batches (
    batch_id     uuid        not null,
    table_name   text        not null,
    rows         bigint      not null,
    first_at     timestamptz not null,
    last_at      timestamptz not null,
    stored_at    timestamptz not null default now(),
    rolled_up_at timestamptz,

    constraint log_batches_pkey primary key (batch_id),
    constraint log_batches_last_at_check check (last_at >= first_at)
);

create index log_batches_stored_at_idx on oadb.log_batches (stored_at);

comment on table oadb.log_batches is
'Batches of logs that were stored; one whose answer was lost is not stored again.';
comment on column oadb.log_batches.rolled_up_at is
'Null: statistics read the rows of its minutes themselves.';

create table oadb.log_rejects (
    reject_id   bigint      generated always as identity,
    rejected_at timestamptz not null default now(),
    batch_id    uuid        not null,
    table_name  text        not null,
    reason      text        not null,
    row_text    text        not null,

    constraint log_rejects_pkey primary key (reject_id)
);

create index log_rejects_rejected_at_idx on oadb.log_rejects (rejected_at);

comment on table oadb.log_rejects is
'Rows of logs that the table does not take; the others of their batch were stored.';
comment on column oadb.log_rejects.row_text is 'The row as it was sent, redacted, cut.';

create table oadb.log_drops (
    drop_id    bigint      generated always as identity,
    dropped_at timestamptz not null default now(),
    writer     text        not null,
    table_name text        not null,
    rows       bigint      not null,

    constraint log_drops_pkey primary key (drop_id),
    constraint log_drops_rows_check check (rows > 0)
);

create index log_drops_dropped_at_idx on oadb.log_drops (dropped_at);

comment on table oadb.log_drops is
'How many rows of logs were given up since the last batch of a writer, for want of room.';
comment on column oadb.log_drops.writer is 'Host and process.';

insert into oadb.role_privileges (role_name, table_name, privileges)
values
-- Whose id a row gets, and what becomes of it later, is not the writer's to say.
(
    'oadb_app', 'api_logs',
    'select, insert (logged_at, user_id, endpoint, method, status, ip, request, response, error)'
),
('oadb_app', 'analyzer_logs', 'select, insert (logged_at, user_id, api_type, request, response)'),
(
    'oadb_app', 'traffic',
    'select, insert (logged_at, ip, method, path, endpoint, status, duration_ms, host, user_id,
    error)'
),
(
    'oadb_app', 'latency',
    'select, insert (logged_at, user_id, order_id, broker, symbol, order_type, rtt_ms,
    validation_ms, response_ms, overhead_ms, total_ms, outcome, error)'
),
('oadb_app', 'log_batches', 'select, insert (batch_id, table_name, rows, first_at, last_at)'),
('oadb_app', 'log_rejects', 'select, insert (batch_id, table_name, reason, row_text)'),
('oadb_app', 'log_drops', 'select, insert (writer, table_name, rows)'),
(
    'oadb_log', 'api_logs',
    'insert (logged_at, user_id, endpoint, method, status, ip, request, response, error)'
),
('oadb_log', 'analyzer_logs', 'insert (logged_at, user_id, api_type, request, response)'),
(
    'oadb_log', 'traffic',
    'insert (logged_at, ip, method, path, endpoint, status, duration_ms, host, user_id, error)'
),
(
    'oadb_log', 'latency',
    'insert (logged_at, user_id, order_id, broker, symbol, order_type, rtt_ms, validation_ms,
    response_ms, overhead_ms, total_ms, outcome, error)'
),
('oadb_log', 'log_batches', 'insert (batch_id, table_name, rows, first_at, last_at)'),
('oadb_log', 'log_rejects', 'insert (batch_id, table_name, reason, row_text)'),
('oadb_log', 'log_drops', 'insert (writer, table_name, rows)'),
('oadb_ro', 'api_logs', 'select'),
('oadb_ro', 'analyzer_logs', 'select'),
('oadb_ro', 'traffic', 'select'),
('oadb_ro', 'latency', 'select'),
('oadb_ro', 'log_batches', 'select'),
('oadb_ro', 'log_rejects', 'select'),
('oadb_ro', 'log_drops', 'select');

call oadb.renew_privileges();
