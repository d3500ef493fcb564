"""Fields that redaction keeps in bodies: those of orders, of responses and of market data.

A field with any other name may be a secret: it is left out, and counted. That includes the tokens
of instruments, because ``token`` is also the name of a secret.
"""

_ORDERS = """
action actions amount average_price averageprice basket disclosed_quantity exchange
exchange_order_id filled_quantity legs lots margin margin_required market_protection neworderid
newquantity offset option_type order order_id order_ids order_status order_type orderid
orderids ordertype orders parentorderid pending_quantity position_size price price_type pricetype
product product_type
quantity rejection_reason side split_size splitsize squareoff strategy symbol symbols tag target
stoploss total_margin_required transaction_type trigger_price triggerprice validity variety
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
