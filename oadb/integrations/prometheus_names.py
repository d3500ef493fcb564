"""Names, texts and bounds of the metrics of calls for Prometheus."""

# Seconds: from a lookup by key on the same machine to a report that somebody waits for.
BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# Names of queries, and of transactions, that have series of their own; a program that makes names
# all the time would otherwise fill the memory of Prometheus.
MOST_NAMES = 1000
OTHER = "other"

ERROR_LABELS = ("query", "error", "sqlstate")
OUTCOME_LABELS = ("transaction", "outcome")

STATEMENT_SECONDS = (
    "oadb_statement_seconds",
    "Calls of declared statements, from the call to its result or error.",
)
STATEMENT_COUNTERS = (
    ("oadb_statement_waiting_seconds", "Seconds that calls waited for a connection."),
    ("oadb_statement_server_seconds", "Seconds from sending to the last answer of the server."),
    ("oadb_statement_rows", "Rows returned, or else written."),
    ("oadb_statement_retries", "Attempts before the one that ended a call."),
)
STATEMENT_ERRORS = (
    "oadb_statement_errors",
    "Calls that raised, by the class of the error and the SQLSTATE of the server.",
)
TRANSACTION_SECONDS = (
    "oadb_transaction_seconds",
    "Transactions, by the function that began them and how they ended.",
)
TRANSACTION_RETRIES = (
    "oadb_transaction_retries",
    "Attempts of transact() before the one that ended.",
)
POOL_WAIT = ("oadb_pool_wait_seconds", "Waits for a connection of the pool.")
