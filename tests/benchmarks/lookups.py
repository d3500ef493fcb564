"""The lookup of a user by primary key, eight columns, with each library on the same server."""

import asyncio
from contextlib import ExitStack

from tests.benchmarks import async_peers, peers
from tests.benchmarks.conditions import POOL_SIZE, USERS, database, table
from tests.benchmarks.rounds import CALLS, ROUNDS, Variant, measure, ratio


def main() -> None:
    with database() as url, ExitStack() as running, asyncio.Runner() as runner:
        blocking = _blocking(url, running)
        manager = async_peers.variants(url)
        awaiting = runner.run(manager.__aenter__())
        try:
            measure([*blocking, *awaiting])
        finally:
            runner.run(manager.__aexit__(None, None, None))
    print(f"\n## One user of {USERS:,} by primary key\n")
    print(f"{ROUNDS} rounds of {CALLS} calls each, in shuffled order; pools of {POOL_SIZE};")
    print("median of the ratios within a round, with its 95 % confidence interval.")
    _print(blocking, f"{peers.POOL}, tuples")
    _print(awaiting, async_peers.POOL)
    _print_targets({variant.name: variant for variant in [*blocking, *awaiting]})


def _blocking(url: str, running: ExitStack) -> list[Variant]:
    enter = running.enter_context
    return [
        *enter(peers.oadb(url)),
        *enter(peers.pool(url)),
        enter(peers.pool_default(url)),
        enter(peers.one_cursor(url)),
        enter(peers.core(url)),
        enter(peers.mapper(url)),
        *enter(peers.pgbench(url)),
    ]


def _print(variants: list[Variant], base_name: str) -> None:
    base = next(variant for variant in variants if variant.name == base_name)
    table(
        ["variant", "time, ratio to the pool idiom", "us", "client CPU, ratio", "CPU us"],
        ([variant.name, *_time(variant, base), *_cpu(variant, base)] for variant in variants),
    )


def _time(variant: Variant, base: Variant) -> list[str]:
    return [str(ratio(variant.seconds, base.seconds)), f"{variant.microseconds:.0f}"]


def _cpu(variant: Variant, base: Variant) -> list[str]:
    if variant.name == peers.PGBENCH:
        return ["", ""]
    return [str(ratio(variant.busy, base.busy)), f"{variant.cpu_microseconds:.0f}"]


def _print_targets(found: dict[str, Variant]) -> None:
    """Print the ratios that have an aim, sync and async."""
    ours = found[peers.OADB]
    pairs = [
        ("at most 1", ours, found[f"{peers.POOL}, tuples"]),
        ("at most 1", ours, found[f"{peers.POOL}, class_row"]),
        ("at most 1", found[peers.OADB_TRANSACTION], found[peers.POOL_DEFAULT]),
        ("at least 6", found[peers.ORM], ours),
        ("at most 1", found[async_peers.OADB], found[async_peers.POOL]),
    ]
    if peers.PGBENCH in found:
        pairs.insert(3, ("at most 2", ours, found[peers.PGBENCH]))
    table(
        ["ratio", "aim", "measured"],
        (
            [f"{above.name} / {below.name}", aim, str(ratio(above.seconds, below.seconds))]
            for aim, above, below in pairs
        ),
    )
