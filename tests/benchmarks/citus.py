"""What a Citus cluster costs: writing logs, and looking up an API key. Run by hand:

    OADB_TEST_LAYOUT=citus OADB_TEST_DATABASE_URL=postgresql://postgres@coordinator/cluster \\
        python tests/benchmarks/citus.py [rows]

Makes databases on the cluster, with logs in 8 and in 32 parts, and one on the coordinator's server
that is not distributed. In each round the LogWriter and a bare COPY put the same rows into the same
distributed table, and a key is verified on each of the databases; only ratios within a round count.
"""

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

import psycopg

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from oadb import Database
from oadb.accounts import api_keys
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.logs import traffic
from oadb.testing import factories
from oadb.testing.chosen_layout import run_server
from oadb.testing.clusters import LOG_WRITER, CitusServer
from oadb.testing.servers import Server
from oadb.tools.migrations.runner import migrate
from tests.benchmarks import conditions
from tests.benchmarks.log_writing import bare_copy, deliver, request
from tests.benchmarks.rounds import Variant, measure, ratio
from tests.support.rings import OLD

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
SHARDS = (8, 32)
WRITES = 9
LOOKUPS = 50


@contextmanager
def distributed(cluster: CitusServer, shards: int) -> Generator[str]:
    """Give the URL of a database whose logs are in that many parts."""

    def prepare(url: str) -> None:
        migrate(dsn.parse(url))
        cluster.distribute(url, [find("oadb")], shards=shards)

    with cluster.template(prepare) as template, cluster.clone(template) as url:
        yield url


@contextmanager
def alone(cluster: CitusServer) -> Generator[str]:
    """Give the URL of a database of the coordinator's server that is not of the cluster."""
    server = Server("url", cluster.keywords)
    with server.template(lambda url: migrate(dsn.parse(url))) as made, server.clone(made) as url:
        yield url


def print_writing(urls: dict[int, str]) -> None:
    """Print how many rows the LogWriter stores for each that COPY does."""
    rows = [request(number) for number in range(ROWS)]
    figures: list[list[str]] = []
    for shards, url in urls.items():
        login = url.replace("//postgres@", f"//{LOG_WRITER}@", 1)
        with psycopg.connect(url, autocommit=True) as connection:
            copied, written = _written(connection, login, rows)
        rate = 1 / sorted(copied)[WRITES // 2]
        figures.append([str(shards), f"{rate:,.0f}", str(ratio(copied, written))])
    head = ("parts", "COPY, rows a second", "LogWriter, ratio to COPY")
    conditions.table(head, figures)


def _written(
    connection: psycopg.Connection, login: str, rows: Sequence[traffic.Request]
) -> tuple[list[float], list[float]]:
    copied: list[float] = []
    written: list[float] = []
    runs: list[tuple[list[float], Callable[[], float]]] = [
        (copied, partial(bare_copy, connection, rows)),
        (written, partial(deliver, login, rows)),
    ]
    for number in range(WRITES):
        for took, run in runs if number % 2 else reversed(runs):
            connection.execute("truncate oadb.traffic")
            took.append(run())
    return copied, written


def print_verifying(urls: dict[str, str]) -> None:
    """Print how much longer a key takes on a cluster than on one node."""
    with ExitStack() as opened:
        variants = [
            Variant(name, partial(_verify, opened.enter_context(_with_key(url))))
            for name, url in urls.items()
        ]
        measure(variants, rounds=LOOKUPS)
    one, *clusters = variants
    conditions.table(
        ("api_keys.verify", "ratio to one node"),
        ([each.name, str(ratio(each.seconds, one.seconds))] for each in clusters),
    )


@contextmanager
def _with_key(url: str) -> Generator[Callable[[], object]]:
    """Give a function that verifies a key of the database."""
    environ = {"DATABASE_URL": url, "OADB_KEYRING": OLD.to_json(), "DB_POOL_SIZE": "1"}
    with Database.from_env(environ) as db:
        made = factories.make_api_key(db, factories.make_user(db).user_id)
        yield partial(api_keys.verify, db, made.token)


def _verify(verify: Callable[[], object], calls: int) -> None:
    for _ in range(calls):
        assert verify()


def main() -> None:
    """Make the databases, and print both tables."""
    conditions.main("A Citus cluster")
    with run_server() as cluster, ExitStack() as made:
        assert isinstance(cluster, CitusServer), "set OADB_TEST_LAYOUT=citus"
        clusters = {each: made.enter_context(distributed(cluster, each)) for each in SHARDS}
        print_verifying(
            {"one node": made.enter_context(alone(cluster))}
            | {f"cluster, {each} parts": url for each, url in clusters.items()}
        )
        print_writing(clusters)


if __name__ == "__main__":
    main()
