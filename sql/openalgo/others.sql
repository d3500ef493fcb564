-- OpenAlgo's tables that are not imported, counted by oadb.importing from SQLite and PostgreSQL: a
-- report says how many rows stay behind.

-- name: active_sessions
select count(*) as found
from active_sessions;

-- name: bot_config
select count(*) as found
from bot_config;

-- name: chart_preferences
select count(*) as found
from chart_preferences;

-- name: command_logs
select count(*) as found
from command_logs;

-- name: error_404_tracker
select count(*) as found
from error_404_tracker;

-- name: flow_workflow_executions
select count(*) as found
from flow_workflow_executions;

-- name: flow_workflows
select count(*) as found
from flow_workflows;

-- name: health_alerts
select count(*) as found
from health_alerts;

-- name: health_metrics
select count(*) as found
from health_metrics;

-- name: invalid_api_key_tracker
select count(*) as found
from invalid_api_key_tracker;

-- name: leverage_config
select count(*) as found
from leverage_config;

-- name: market_holiday_exchanges
select count(*) as found
from market_holiday_exchanges;

-- name: market_holidays
select count(*) as found
from market_holidays;

-- name: market_timings
select count(*) as found
from market_timings;

-- name: master_contract_status
select count(*) as found
from master_contract_status;

-- name: notification_queue
select count(*) as found
from notification_queue;

-- name: oauth_clients
select count(*) as found
from oauth_clients;

-- name: oauth_refresh_tokens
select count(*) as found
from oauth_refresh_tokens;

-- name: oauth_signing_keys
select count(*) as found
from oauth_signing_keys;

-- name: qty_freeze
select count(*) as found
from qty_freeze;

-- name: sandbox_config
select count(*) as found
from sandbox_config;

-- name: sandbox_daily_pnl
select count(*) as found
from sandbox_daily_pnl;

-- name: sandbox_funds
select count(*) as found
from sandbox_funds;

-- name: sandbox_gtt
select count(*) as found
from sandbox_gtt;

-- name: sandbox_gtt_legs
select count(*) as found
from sandbox_gtt_legs;

-- name: sandbox_holdings
select count(*) as found
from sandbox_holdings;

-- name: sandbox_orders
select count(*) as found
from sandbox_orders;

-- name: sandbox_positions
select count(*) as found
from sandbox_positions;

-- name: sandbox_trades
select count(*) as found
from sandbox_trades;

-- name: scalping_sl_state
select count(*) as found
from scalping_sl_state;

-- name: scalping_tracked_symbol
select count(*) as found
from scalping_tracked_symbol;

-- name: strategy_order_tags
select count(*) as found
from strategy_order_tags;

-- name: strategy_pending_fills
select count(*) as found
from strategy_pending_fills;

-- name: strategy_portfolio
select count(*) as found
from strategy_portfolio;

-- name: strategy_positions
select count(*) as found
from strategy_positions;

-- name: telegram_users
select count(*) as found
from telegram_users;

-- name: user_preferences
select count(*) as found
from user_preferences;

-- name: whatsapp_command_logs
select count(*) as found
from whatsapp_command_logs;

-- name: whatsapp_config
select count(*) as found
from whatsapp_config;

-- name: whatsapp_notification_queue
select count(*) as found
from whatsapp_notification_queue;

-- name: whatsapp_user_preferences
select count(*) as found
from whatsapp_user_preferences;

-- name: whatsapp_users
select count(*) as found
from whatsapp_users;
