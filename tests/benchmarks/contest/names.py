"""Names of entrants that documents and aims speak of, without the libraries themselves."""

from tests.benchmarks.conditions import POOL_SIZE

OURS = f"oadb, pool of {POOL_SIZE}"

PGBENCH = "pgbench -M prepared"

CURSOR = "psycopg, one cursor"
POOL = f"psycopg, pool of {POOL_SIZE}"
CLASS_ROW = f"{POOL}, class_row"
DEFAULT_POOL = f"{POOL}, with its defaults"
WRITE_ROW = "psycopg, write_row"
COPY_ROWS = "psycopg, COPY by write_row"

PREPARED = "asyncpg, one prepared statement, dataclasses"
RECORDS = "asyncpg, one prepared statement, Records"
ASYNCPG_POOL = f"asyncpg, pool of {POOL_SIZE}, dataclasses"

ORM = "SQLAlchemy ORM, a Session each"
