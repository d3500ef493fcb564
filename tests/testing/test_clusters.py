"""Databases for tests on a Citus cluster; those that need one are skipped without."""

import os
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import conninfo

from oadb import Config, Database
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.errors import ConfigError
from oadb.logs import traffic
from oadb.testing.chosen_layout import migrated_template, run_server
from oadb.testing.clusters import cluster
from oadb.testing.servers import Server
from tests.support.citus_cluster import BASE, needs_citus, run
from tests.support.documented import DOCS, build


def config(url: str) -> Config:
    return Config.from_env({"DATABASE_URL": url, "DB_POOL_SIZE": "1"})


@pytest.mark.parametrize(
    ("layout", "url", "said"),
    [
        ("yugabyte", "postgresql:///a", "unset it, or set it to \"citus\", not 'yugabyte'"),
        ("citus", "", "set OADB_TEST_DATABASE_URL to the database of a coordinator"),
    ],
)
def test_a_wrong_layout_is_named(
    layout: str, url: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OADB_TEST_LAYOUT", layout)
    monkeypatch.setenv("OADB_TEST_DATABASE_URL", url)

    with pytest.raises(ConfigError, match=f"OADB_TEST_LAYOUT.*{said}"), run_server():
        pass


def test_a_server_that_is_no_cluster_is_refused(oadb_server: Server) -> None:
    alone = Server("url", {**oadb_server.keywords, "dbname": "postgres"})

    with (
        closing(alone),
        pytest.raises(ConfigError, match="has the extension and its nodes"),
        cluster(alone),
    ):
        pass


@pytest.fixture(scope="module")
def nodes() -> Generator[Server]:
    with run_server() as given:
        yield given


@pytest.fixture(scope="module")
def template(nodes: Server) -> Generator[str]:
    with migrated_template(nodes, [find("oadb")]) as name:
        yield name


@needs_citus
@pytest.mark.slow
def test_rows_of_a_copy_are_on_workers_and_in_no_other_copy(nodes: Server, template: str) -> None:
    with nodes.clone(template) as one, nodes.clone(template) as other:
        with Database(config(one)) as db:
            traffic.record(
                db, traffic.Request(ip="::1", method="GET", path="/", status=200, duration_ms=1.0)
            )

        assert run(one, "select count(*) from oadb.traffic") == [(1,)]
        assert run(other, "select count(*) from oadb.traffic") == [(0,)]
        assert run(one, "select count(*) > 1 from pg_dist_node where shouldhaveshards") == [(True,)]
        assert run(one, "select distinct log_id from oadb.traffic") == [(1,)]


@needs_citus
@pytest.mark.slow
def test_what_a_test_does_to_a_schema_is_gone_with_its_copy(nodes: Server, template: str) -> None:
    with nodes.clone(template) as url:
        run(url, "drop table oadb.traffic", "create table public.left_behind ()")
    with nodes.clone(template) as url:
        run(url, "select from oadb.traffic", "create table public.left_behind ()")


@needs_citus
@pytest.mark.slow
def test_a_clone_that_a_service_has_migrated_is_cloned_again(nodes: Server, template: str) -> None:
    with nodes.clone(template) as url:
        run(url, "create table public.orders (order_id bigint)")
        with nodes.clone(dsn.parse(url).keywords["dbname"]) as copy:
            run(copy, "select from public.orders", "select from oadb.traffic")


@needs_citus
@pytest.mark.slow
def test_nothing_is_left_on_any_node(nodes: Server, template: str) -> None:
    with nodes.clone(template) as url, psycopg.connect(url):
        pass

    for host, port in run(BASE, "select nodename, nodeport from pg_dist_node"):
        server = conninfo.make_conninfo(BASE, host=str(host), port=str(port))
        name = conninfo.conninfo_to_dict(url)["dbname"]
        with psycopg.connect(server) as connection:
            found = connection.execute("select from pg_database where datname = %s", [name])
            assert found.fetchall() == []


@needs_citus
@pytest.mark.slow
def test_a_service_is_tested_on_a_cluster_as_on_one_server(tmp_path: Path) -> None:
    environ = {"OADB_TEST_DATABASE_URL": BASE, "OADB_TEST_LAYOUT": "citus"}
    environ |= {
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "PYTEST_ADDOPTS": "--strict-markers",
    }
    [lines] = build(DOCS / "testing.md", tmp_path / "service", "postgresql://nowhere", environ)

    assert "6 passed" in lines[-1]
