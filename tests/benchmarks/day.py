"""A trading day through oadb, and as OpenAlgo's database package works through it. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/day.py [PART ...]
    python tests/benchmarks/day.py --render

Orders, sign-ins, searches, the reload of instruments while others look them up, logs, a dashboard:
each part is worked through by both sides in turn, some times. oadb runs on a PostgreSQL that
commits to the disk; the other side is SQLAlchemy over SQLite, which does not wait for it. The
figures are kept in docs/figures/day.json, of which docs/performance.md and the README are written,
at the end or by --render alone. OADB_BENCH_ROUNDS, by default 5, sets how often, OADB_BENCH_SMALL
makes the day short. With names of parts, or with OADB_BENCH_FIGURES, which names another folder, no
document is written.
"""

import os
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb import Config
from tests.benchmarks import conditions
from tests.benchmarks.contest import day_pages, recorded
from tests.benchmarks.contest.day_by_oadb import OnOadb
from tests.benchmarks.contest.day_by_sqlite import DURABILITY, OnSqlite
from tests.benchmarks.contest.day_pages import Day, Kept
from tests.benchmarks.contest.day_parts import PARTS, PAST, Part, Side, rows
from tests.conftest import RING

ROUNDS = int(os.environ.get("OADB_BENCH_ROUNDS", "5"))


def main(*names: str) -> None:
    """Work through the day, keep the figures and write; with --render, write alone."""
    given = os.environ.get("OADB_BENCH_FIGURES")
    if names != ("--render",):
        known = [part.key for part in PARTS]
        unknown = {*names} - {*known}
        if unknown:
            sys.exit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        day = _day([part for part in PARTS if not names or part.key in names])
        for part in day["parts"]:
            print(part["what"], part["unit"], part["ours"], part["theirs"])
        if names:
            return
        recorded.write((Path(given) if given else recorded.FOLDER) / "day.json", day)
    if not given:
        day_pages.render(recorded.FOLDER.parent)


def _day(parts: list[Part]) -> Day:
    machine = conditions.machine()
    with tempfile.TemporaryDirectory() as folder, conditions.database() as url:
        server = conditions.durability(url)
        config = Config.from_env({"DATABASE_URL": url, "OADB_KEYRING": RING.to_json()})
        with (
            closing(OnOadb(url, config, rows(0))) as ours,
            closing(OnSqlite(Path(folder), rows(0))) as theirs,
        ):
            for side in (ours, theirs):
                side.fill(PAST)
            worked = [_worked(part, ours, theirs) for part in parts]
    return Day(
        made=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        revision=recorded.revision(),
        machine=machine,
        ours=server,
        theirs=DURABILITY,
        parts=worked,
    )


def _worked(part: Part, ours: Side, theirs: Side) -> Kept:
    figures: dict[Side, list[float]] = {ours: [], theirs: []}
    for round_ in range(ROUNDS):
        order = (ours, theirs) if round_ % 2 else (theirs, ours)
        for side in order:
            figures[side].append(round(part.work(side, round_ + 1), 4))
    print(part.what, file=sys.stderr, flush=True)
    return Kept(
        key=part.key,
        what=part.what,
        unit=part.unit,
        is_rate=part.is_rate,
        ours=figures[ours],
        theirs=figures[theirs],
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
