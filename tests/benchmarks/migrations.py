"""How long each migration takes with many rows: ``python tests/benchmarks/migrations.py 1000000``.

That many users, sessions and attempts to sign in, half as many instruments, a tenth as many bans,
of which users made a hundred.
Prints those that take half a second or more; with empty tables they take less. The database is the
embedded one, or that of OADB_TEST_DATABASE_URL.
"""

import sys
from time import monotonic

import psycopg

from oadb.testing.servers import server
from oadb.tools.migrations import script_folder
from tests.support.migrations import MIGRATIONS

_LEAST = 0.5

# By the migration after which the rows are written.
FILLS = {
    "0002": (
        "insert into oadb.users (username, email) "
        "select 'user' || n, 'user' || n || '@x.in' from generate_series(1, {rows}) as n"
    ),
    "0003": (
        "insert into oadb.instruments (broker, exchange, symbol, broker_symbol, broker_exchange, "
        "token, instrument_type, lot_size, tick_size, contract_value) "
        "select 'broker' || n % 5, 'NFO', 'SYMBOL' || n, 'S' || n, 'NFO', n, 'EQ', 1, 0.05, 1 "
        "from generate_series(1, {rows} / 2) as n"
    ),
    "0004": (
        "insert into oadb.key_canaries (key_id, canary) "
        "values (1, '\\x0100000001' || decode(repeat('00', 40), 'hex'))"
    ),
    "0006": (
        "insert into oadb.sessions (user_id, session_id, token_digest, fingerprint, idle_timeout, "
        "lapses_at, expires_at) "
        "select n, gen_random_uuid(), sha256(n::text::bytea), "
        "'\\x0100000001' || decode(repeat('00', 60), 'hex'), '1 hour', now() + '1 hour', "
        "now() + '1 day' from generate_series(1, {rows}) as n"
    ),
    "0007": (
        "insert into oadb.login_attempts (username, user_id, ip, method, outcome) "
        "select 'user' || n, n, '10.0.0.1', 'password', 'succeeded' "
        "from generate_series(1, {rows}) as n"
    ),
    "0017": (
        "insert into oadb.ip_bans (network, reason, offences, banned_at, created_by) "
        "select '10.0.0.0'::inet + n, 'many', 1, now(), case when n <= 100 then 'user7' else "
        "'system' end "
        "from generate_series(1, {rows} / 10) as n"
    ),
}


def run(url: str, rows: int) -> None:
    """Apply every migration, and print how long those take that take long."""
    with psycopg.connect(url, autocommit=True) as connection:
        for migration in script_folder.read(MIGRATIONS):
            steps = [step.sql.encode() for step in migration.script.steps]
            begun = monotonic()
            if migration.transactional:
                with connection.transaction():
                    for step in steps:
                        connection.execute(step)
            else:
                connection.execute(steps[0])
            seconds = monotonic() - begun
            if seconds >= _LEAST:
                print(f"| {migration.id} | {seconds:.1f} |", flush=True)
            if fill := FILLS.get(migration.id[:4]):
                connection.execute(fill.format(rows=rows).encode())
                connection.execute("vacuum analyze")


if __name__ == "__main__":
    with server() as chosen, chosen.clone("template1") as url:
        run(url, int(sys.argv[1]))
