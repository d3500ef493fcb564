"""Names that redaction keeps: fields of bodies, words before a colon, segments of paths.

A field with any other name may be a secret: it is left out, and counted. That includes the tokens
of instruments, because ``token`` is also the name of a secret.
"""

_ORDERS = """
action actions amount average_price averageprice basket disclosed_quantity exchange
exchange_order_id expires_at filled_quantity leg legs lots margin margin_required
market_protection neworderid
newquantity offset option_type order order_id order_ids order_status order_type orderid
orderids ordertype orders parentorderid pending_quantity position_size price price_type pricetype
product product_type
quantity rejection_reason side split_size splitsize squareoff strategy symbol symbols tag target
stoploss strike_int total_buy_orders total_completed_orders total_margin_required
total_open_orders total_rejected_orders total_sell_orders transaction_type trigger_id
trigger_price trigger_type triggerprice triggerprice_sl triggerprice_tg validity variety
"""

_ANSWERS = """
analyze analyze_mode analyzer api_type broker canceled_orders cancelled cancelled_orders count
data detail details endpoint error error_code error_type errors event failed failed_cancellations
failed_orders http_status message method mode path reason request_id response_time result results
retry_after skipped status status_code statuscode successful successful_orders success total
total_orders type warning warnings
"""

_MARKET = """
ask asks asset_type availablecash base_symbol bid bids brexchange brsymbol ce close collateral
contract_value depth end_date exchange_symbol expiry expiry_date expiry_time funds greeks high
holdings instrumenttype interval iv lastprice last_price lot_size lotsize low ltp ltq m2mrealized
m2munrealized name net oi open open_interest pe pnl pnlpercent position positions prev_close
realized rho segment spot_price start_date statistics strike strike_price strikes theta tick_size
timestamp totalbuyqty totalholdingvalue totalinvvalue totalpnlpercentage totalprofitandloss
totalsellqty trade trade_value tradebook trades underlying underlying_ltp unrealized utiliseddebits
value vega delta gamma volume
"""

FIELDS = frozenset(f"{_ORDERS} {_ANSWERS} {_MARKET}".split())
"""Names in lower case; they match in any letter case."""

_REQUESTED = """
expirydate limit_price marketprotection note order_tag position_type positiontype remarks
trailing_stop
"""

ORDER_FIELDS = FIELDS | frozenset(_REQUESTED.split())
"""Names, in lower case, of the fields that an order may have that waits to be sent."""

_REPORTED = """
bcd bfo bse bse_eq bse_fo bse_index caused cds column condition context declined denied during
errno exception failure first funds hint host http https index info invalid limits line mcx missing
module ncdex nfo note nse nse_eq nse_fo nse_index number oi port postgresql refused reject rejected
reasons remarks response rms row rule rv said stat step table timeout unauthorized unexpected
unknown url vanish
validation
"""

REPORTED = FIELDS | frozenset(_REPORTED.split())
"""Words, in lower case, after which a text may go on, as in ``order rejected: no funds``."""

_ROUTES = """
.aws .env .git .htaccess .ssh .well-known about account actuator admin analyzer analyzer_status
analyzer_toggle api app apps assets cancelgttorder gttorderbook modifygttorder placegttorder
auth backup basket basketorder blog broker brokers callback cancelallorder cancelorder cgi-bin
chart chartink charts closeposition config console credentials css dashboard database db debug
depth dist docs download downloads env expiry export favicon.ico feed files forgot-password forms
funds greeks head health healthz history holdings home id_rsa images img import index index.html
index.php info instruments intervals js json kill latency live login logout logs manage margin
master-contract master_contract metrics modifyorder multiquotes new notifications openalgo
openapi.json openposition optionchain optiongreeks options optionsmultiorder optionsorder
optionsymbol orderbook orderstatus password phpinfo.php phpmyadmin ping placeorder placesmartorder
playground portfolio positionbook positions postback profile public python quotes ready reset
reset-password robots.txt root sandbox scanner search security server server-status sessions
settings setup shell sitemap.xml smtp socket.io splitorder src static status strategies strategy
swagger symbol symbols syntheticfuture system telegram test ticker tmp token tradebook trades
tradingview traffic update upload uploads user users v1 v2 v3 vendor webhook webhooks websocket
well-known wp-admin wp-content wp-includes wp-login.php ws xmlrpc.php
"""

ROUTES = FIELDS | frozenset(_ROUTES.split())
"""Segments of paths, in lower case: those of known routes, and those that scanners look for."""
