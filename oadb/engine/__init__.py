"""The engine: binds named SQL to typed functions and runs it. It knows no table."""

from importlib import import_module

try:
    import_module("psycopg")
except ModuleNotFoundError:
    raise
except ImportError as missing:
    raise ImportError(
        "oadb found psycopg but no libpq, PostgreSQL's client library. Install one with "
        "\"pip install 'oadb[binary]'\" (precompiled), \"pip install 'oadb[c]'\" (compiled here), "
        "or your system's libpq package."
    ) from missing
