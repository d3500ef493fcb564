"""A shop whose tables have a thousand rows in one database, and a hundred thousand in another.

Autovacuum leaves them alone, so that a statement planned twice is planned by the same statistics.
"""

from collections.abc import Generator
from contextlib import contextmanager

import psycopg
import pytest

from oadb.testing.servers import Server
from oadb.tools.plans.growth import Scales
from oadb.tools.plans.planned_relations import TableCounts

TABLES = """
create schema shop;
create table shop.users (user_id bigint primary key, email text not null unique)
with (autovacuum_enabled = off);
create table shop.orders (
    user_id bigint not null, order_id bigint not null, placed_at timestamptz not null,
    status text not null, note text not null, primary key (user_id, order_id)
) with (autovacuum_enabled = off);
create index orders_placed_at_idx on shop.orders (placed_at, order_id);
create index orders_status_idx on shop.orders (status);
create table shop.markets (name text primary key);
create table shop.visits (visited_at timestamptz not null, visit_id bigint not null, path text)
partition by range (visited_at);
create index visits_visited_at_idx on shop.visits (visited_at);
create table shop.visits_1 partition of shop.visits
for values from ('2026-01-01') to ('2026-02-01')
with (autovacuum_enabled = off);
create table shop.visits_2 partition of shop.visits
for values from ('2026-02-01') to ('2026-03-01')
with (autovacuum_enabled = off);
create table shop.visits_3 partition of shop.visits
for values from ('2026-03-01') to ('2026-04-01')
with (autovacuum_enabled = off);
"""
ROWS = """
insert into shop.users select n, 'user' || n from generate_series(1, {0} / 10) as n;
insert into shop.orders
select n % ({0} / 10) + 1, n, timestamptz '2026-01-01' + n * interval '80 days' / {0},
    case when n % 100 = 0 then 'open' else 'done' end, 'note' || n
from generate_series(1, {0}) as n;
insert into shop.visits
select timestamptz '2026-01-01' + n * interval '80 days' / {0}, n, 'x' || n
from generate_series(1, {0}) as n;
insert into shop.markets select 'market' || n from generate_series(1, 500) as n;
analyze shop.users, shop.orders, shop.visits, shop.markets;
"""
SMALL, LARGE = 1_000, 100_000
GROWING = ("shop.users", "shop.orders", "shop.visits", *(f"shop.visits_{n}" for n in (1, 2, 3)))
SCALES = Scales(
    *(
        TableCounts({**dict.fromkeys(GROWING, rows), "shop.markets": 500}, {"shop.visits": 3})
        for rows in (LARGE, SMALL)
    )
)


@contextmanager
def filled(server: Server, rows: int) -> Generator[str]:
    """Give the DATABASE_URL of a shop with so many orders."""
    with server.clone("template0") as url:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(TABLES.encode())
            connection.execute(ROWS.format(rows).encode())
            connection.execute("vacuum shop.users, shop.orders, shop.visits, shop.markets")
        yield url


@pytest.fixture(scope="session")
def small_shop(oadb_server: Server) -> Generator[str]:
    """Give the smaller one."""
    with filled(oadb_server, SMALL) as url:
        yield url


@pytest.fixture(scope="session")
def large_shop(oadb_server: Server) -> Generator[str]:
    """Give the larger one."""
    with filled(oadb_server, LARGE) as url:
        yield url
