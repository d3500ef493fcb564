"""Pages that lists and counts of attempts to sign in read, of a year of them.

Run by hand: ``python tests/benchmarks/attempts.py``
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import psycopg

from oadb import Database
from oadb.accounts import login_attempts
from oadb.engine.binding.plans import QueryPlan
from tests.benchmarks import conditions

SIZES = (10_000, 100_000, 1_000_000)

# The partitions of a year from now on, in which these attempts are; 50 have a rare outcome.
_MAKE = "call oadb.make_log_partition('login_attempts', now() + %s * interval '1 month', '1 s', 0)"
_FILL = """
insert into oadb.login_attempts (attempted_at, username, user_id, ip, method, outcome)
select
    now() + n * interval '360 days' / %(rows)s, 'user' || n %% 1000, n %% 1000, '198.51.100.7',
    'password',
    case
        when n %% (%(rows)s / 50) = 0 then 'unverified'
        when n %% 7 = 0 then 'failed'
        else 'succeeded'
    end
from generate_series(1, %(rows)s) as n
"""


def main() -> None:
    """Print the buffers of each call, by the number of attempts."""
    conditions.main("Attempts to sign in")
    found = [_read(size) for size in SIZES]
    conditions.table(
        ("pages of 8 kB that are read", *(f"{size:,} attempts" for size in SIZES)),
        ((what, *(f"{each[what]:,}" for each in found)) for what in found[0]),
    )


def _read(size: int) -> Mapping[str, int]:
    with conditions.database() as url, Database(conditions.config(url)) as db:
        last = _fill(url, size)
        listed, counted = login_attempts.list_attempts, login_attempts.count
        day: dict[str, Any] = {"since": last - timedelta(days=1)}
        return {
            "the newest 100": _buffers(listed.analyze(db)),
            "the newest 100 of a user": _buffers(listed.analyze(db, user_id=7)),
            "50 of a rare outcome": _buffers(listed.analyze(db, outcome="unverified")),
            "an outcome that nothing had": _buffers(listed.analyze(db, outcome="code_needed")),
            "a count of a day": _buffers(counted.analyze(db, **day)),
            "a count of a rare outcome": _buffers(counted.analyze(db, outcome="unverified")),
            "a count of a user": _buffers(counted.analyze(db, user_id=7)),
        }


def _fill(url: str, size: int) -> datetime:
    """Store attempts of a year; return the time of the last one."""
    with psycopg.connect(url, autocommit=True) as connection:
        # Those of two months are there.
        for month in range(3, 13):
            connection.execute(_MAKE, [month])
        connection.execute(_FILL, {"rows": size})
        connection.execute("vacuum analyze oadb.login_attempts")
        found = connection.execute("select max(attempted_at) from oadb.login_attempts").fetchone()
    assert found is not None
    last: datetime = found[0]
    return last


def _buffers(plan: QueryPlan) -> int:
    """Return the buffers of the first line that has some: those of the whole plan."""
    line = next(line for line in plan.lines if "Buffers: shared" in line)
    return sum(int(each) for each in re.findall(r"(?:hit|read)=(\d+)", line))


if __name__ == "__main__":
    main()
