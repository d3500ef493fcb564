-- sqlfluff:max_line_length:200
-- A small, made-up installation of OpenAlgo, as a SQLite file: every table that is imported, with
-- a row or two. Its secrets are encrypted with the pepper of the demonstration, and protect nothing.
-- Run by the demo; the tests take the tables from here.

create table users (
    id                               integer      primary key,
    username                         varchar(80)  not null unique,
    email                            varchar(120) not null unique,
    password_hash                    varchar(255) not null,
    totp_secret                      varchar(255) not null,
    is_admin                         boolean,
    totp_enabled                     boolean      not null default 0,
    totp_required_for_login          boolean      not null default 0,
    totp_required_for_mcp            boolean      not null default 0,
    totp_required_for_password_reset boolean      not null default 0
);

create table auth (
    id             integer      primary key,
    name           varchar(255) not null unique,
    auth           text         not null,
    feed_token     text,
    broker         varchar(20)  not null,
    user_id        varchar(255),
    is_revoked     boolean,
    secret_api_key text,
    primary_ip     varchar(45),
    secondary_ip   varchar(45),
    ip_updated_at  datetime,
    aux_param1     text,
    aux_param2     text,
    aux_param3     text,
    aux_param4     text
);

create table api_keys (
    id                integer     primary key,
    user_id           varchar     not null unique,
    api_key_hash      text        not null,
    api_key_encrypted text        not null,
    created_at        datetime    default current_timestamp,
    order_mode        varchar(20) default 'auto'
);

create table active_sessions (
    id       integer      primary key,
    username varchar(255) not null
);

create table login_attempts (
    id             integer      primary key,
    username       varchar(255) not null,
    ip_address     varchar(45),
    device_info    varchar(500),
    status         varchar(20)  not null,
    login_type     varchar(20),
    broker         varchar(20),
    failure_reason varchar(255),
    timestamp      datetime
);

create table symtoken (
    id             integer primary key,
    symbol         varchar not null,
    brsymbol       varchar not null,
    name           varchar,
    exchange       varchar,
    brexchange     varchar,
    token          varchar,
    expiry         varchar,
    strike         float,
    lotsize        integer,
    instrumenttype varchar,
    tick_size      float,
    contract_value float
);

create table order_logs (
    id            integer primary key,
    api_type      text    not null,
    request_data  text    not null,
    response_data text    not null,
    created_at    datetime
);

create table analyzer_logs (
    id            integer     primary key,
    api_type      varchar(50) not null,
    request_data  text        not null,
    response_data text        not null,
    created_at    datetime
);

create table settings (
    id                             integer primary key,
    analyze_mode                   boolean default 0,
    smtp_server                    varchar(255),
    smtp_port                      integer,
    smtp_username                  varchar(255),
    smtp_password_encrypted        text,
    smtp_use_tls                   boolean default 1,
    smtp_from_email                varchar(255),
    smtp_helo_hostname             varchar(255),
    security_auto_ban_enabled      boolean default 0,
    security_404_threshold         integer default 100,
    security_404_ban_duration      integer default 0,
    security_api_threshold         integer default 100,
    security_api_ban_duration      integer default 0,
    security_repeat_offender_limit integer default 2
);

create table strategies (
    id             integer      primary key,
    name           varchar(255) not null,
    webhook_id     varchar(36)  not null unique,
    user_id        varchar(255) not null,
    platform       varchar(50)  not null default 'tradingview',
    is_active      boolean      default 1,
    is_intraday    boolean      default 1,
    trading_mode   varchar(10)  not null default 'LONG',
    start_time     varchar(5),
    end_time       varchar(5),
    squareoff_time varchar(5),
    created_at     datetime     default current_timestamp,
    updated_at     datetime
);

create table strategy_symbol_mappings (
    id           integer     primary key,
    strategy_id  integer     not null,
    symbol       varchar(50) not null,
    exchange     varchar(10) not null,
    quantity     integer     not null,
    product_type varchar(10) not null,
    created_at   datetime,
    updated_at   datetime
);

create table chartink_strategies (
    id             integer      primary key,
    name           varchar(255) not null,
    webhook_id     varchar(36)  not null unique,
    user_id        varchar(255) not null,
    is_active      boolean      default 1,
    is_intraday    boolean      default 1,
    start_time     varchar(5),
    end_time       varchar(5),
    squareoff_time varchar(5),
    created_at     datetime     default current_timestamp,
    updated_at     datetime
);

create table chartink_symbol_mappings (
    id              integer     primary key,
    strategy_id     integer     not null,
    chartink_symbol varchar(50) not null,
    exchange        varchar(10) not null,
    quantity        integer     not null,
    product_type    varchar(10) not null,
    created_at      datetime,
    updated_at      datetime
);

create table ip_bans (
    id           integer     primary key,
    ip_address   varchar(50) not null unique,
    ban_reason   varchar(200),
    ban_count    integer     default 1,
    banned_at    datetime    default current_timestamp,
    expires_at   datetime,
    is_permanent boolean,
    created_by   varchar(50) default 'system'
);

create table traffic_logs (
    id          integer      primary key,
    timestamp   datetime     default current_timestamp,
    client_ip   varchar(50)  not null,
    method      varchar(10)  not null,
    path        varchar(500) not null,
    status_code integer      not null,
    duration_ms float        not null,
    host        varchar(500),
    error       varchar(500),
    user_id     integer
);

create table order_latency (
    id                    integer      primary key,
    timestamp             datetime     default current_timestamp,
    order_id              varchar(100) not null,
    user_id               integer,
    broker                varchar(50),
    symbol                varchar(50),
    order_type            varchar(20),
    rtt_ms                float,
    validation_latency_ms float,
    response_latency_ms   float,
    overhead_ms           float,
    total_latency_ms      float        not null,
    request_body          json,
    response_body         json,
    status                varchar(20),
    error                 varchar(500)
);

insert into users (
    username, email, password_hash, totp_secret, is_admin, totp_enabled, totp_required_for_login
)
values (
    'meera',
    'meera@example.in',
    '$argon2id$v=19$m=65536,t=3,p=4$sgOie4u9oA7L577jWkvt9g$rk3SlEuPBD5ESyMygfG82jEhmyU9x0g194W2g77SBXk',
    'gAAAAABndIWABCDxqU1tYfWk1RttrQQ17SFC-fQWSp13ZaJbhFW81x-Vua0ZwS43zgZB0PMdSDiPLyTONyRKPaeBrosYstpuLOyWHzIBlvZLtFeGLMNnJBZ7vVxMle-APzfirFKqgI3A',
    1,
    1,
    1
);

insert into api_keys (user_id, api_key_hash, api_key_encrypted, created_at, order_mode)
values (
    'meera',
    '$argon2id$v=19$m=65536,t=3,p=4$HgYWJ/1apccqclmIuSeKFw$La4dNTroPwgocWDRIkXYfZzaSmAaSLUKc409Z0PgQG0',
    'gAAAAABndIWAEqFmqHKhrh63iWykcS4m9OGnwfJL92fc1X8nV1O7azgmH025Bh3upjYmzGSFypC_sqc7e8fqpIF7onpdywvsPG54Ca2G7dmWZhBWwZR2CalBGTe7TeS-JRqHy286kXWMsMavrIbm2s3dROuD7CXk4g7Me0WXH2PxJZipiPDriHI=',
    '2025-03-01 10:00:00',
    'semi_auto'
);

-- The second belongs to a user who does not exist.
insert into auth (name, auth, broker, user_id, is_revoked)
values (
    'meera',
    'gAAAAABndIWAmNgRSJ774B174xenlP5wrht3iON_Uhn3rjmgvZYerYtNrZt0msQqXNpjFlt6PZll8bQcz5B4dPN7pbkprUuswn2DfMCn5S-9QL0R0onYCzGYRsM5Hs9XVcvAafVtULbO',
    'zerodha',
    'AB1234',
    0
),
(
    'ravi',
    'gAAAAABndIWAmNgRSJ774B174xenlP5wrht3iON_Uhn3rjmgvZYerYtNrZt0msQqXNpjFlt6PZll8bQcz5B4dPN7pbkprUuswn2DfMCn5S-9QL0R0onYCzGYRsM5Hs9XVcvAafVtULbX',
    'zerodha',
    'RV5678',
    0
);

insert into login_attempts (username, ip_address, status, login_type, broker, timestamp)
values ('meera', '203.0.113.7', 'success', 'password', 'zerodha', '2025-07-31 09:00:00');

insert into symtoken (
    symbol, brsymbol, name, exchange, brexchange, token, expiry, strike, lotsize, instrumenttype,
    tick_size, contract_value
)
values
('INFY', 'INFY', 'INFOSYS', 'NSE', 'NSE', '408065::::1594', '', -1, 1, 'EQ', 0.1, 1),
(
    'NIFTY31JUL25FUT', 'NIFTY25JULFUT', 'NIFTY', 'NFO', 'NFO', '13568770::::53003', '31-JUL-25', -1,
    75, 'FUT', 0.1, 1
);

insert into order_logs (api_type, request_data, response_data, created_at)
values (
    'placeorder',
    '{"apikey": "0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d0a1b2c3d", "symbol": "INFY", "quantity": 1}',
    '{"status": "success", "orderid": "250731000001"}',
    '2025-07-31 09:15:00.123456'
);

insert into settings (analyze_mode) values (1);

insert into strategies (
    name, webhook_id, user_id, start_time, end_time, squareoff_time, created_at
)
values (
    'breakout', '0b3f5a3e-1c55-4c5e-9a4e-7a11c0de0001', 'meera', '09:20', '15:00', '15:15',
    '2025-03-02 10:00:00'
);

insert into strategy_symbol_mappings (strategy_id, symbol, exchange, quantity, product_type)
values (1, 'INFY', 'NSE', 10, 'MIS');

insert into ip_bans (ip_address, ban_reason, banned_at, is_permanent)
values ('198.51.100.9', 'too many wrong API keys', '2025-07-30 10:00:00', 1);

insert into traffic_logs (
    timestamp, client_ip, method, path, status_code, duration_ms, host
)
values
('2025-07-31 03:45:00', '203.0.113.7', 'POST', '/api/v1/placeorder', 200, 85.5, 'algo.example.in'),
('2025-07-31 03:46:00', '198.51.100.9', 'GET', '/.env', 404, 1.5, 'algo.example.in');

insert into order_latency (
    timestamp, order_id, broker, symbol, order_type, rtt_ms, validation_latency_ms,
    response_latency_ms, overhead_ms, total_latency_ms, status
)
values (
    '2025-07-31 03:45:00', '250731000001', 'zerodha', 'INFY', 'PLACE', 78.5, 1.5, 2.5, 4, 82.5,
    'SUCCESS'
);
