"""The index that searches read, made small again by oadb maintain."""

from datetime import timedelta

import psycopg
import pytest

from oadb import Config
from oadb.market import search_upkeep
from oadb.market.search_upkeep import SearchSize
from oadb.tools import maintenance, maintenance_preview, retention
from oadb.tools.retention import Retention
from tests.conftest import configured

KEEP: Retention = dict.fromkeys(retention.DEFAULT_DAYS)
NODE = (
    "select pg_relation_filenode('oadb.instruments_broker_text_idx'), "
    "count(*) from pg_indexes where tablename = 'instruments'"
)


def said(config: Config) -> list[str]:
    """Return what a run says of instruments."""
    found = maintenance.run(config, KEEP, timedelta(milliseconds=200))
    return [str(each) for each in found if each.subject == "instruments"]


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (SearchSize(43_000_000, 84_000_000, None), True),
        (SearchSize(43_000_000, 19_000_000, None), False),
        (SearchSize(0, 30_000_000, None), False),
        (SearchSize(43_000_000, None, None), False),
    ],
)
def test_an_index_is_wasteful_far_above_what_its_table_needs(
    size: SearchSize, expected: bool
) -> None:
    assert size.is_wasteful is expected


def test_maintenance_rebuilds_a_wasteful_index_once(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configured(url)
    with psycopg.connect(url, autocommit=True) as connection:
        before = connection.execute(NODE).fetchone()
        assert said(config) == []
        monkeypatch.setattr(search_upkeep, "_LEAST_BYTES", 0)

        (would,) = [
            str(each) for each in maintenance_preview.run(config, KEEP) if "index" in str(each)
        ]
        assert would.endswith("would rebuild the index of searches: 0.0 MB")
        assert connection.execute(NODE).fetchone() == before

        (line,) = said(config)
        assert line.endswith("rebuilt the index of searches: 0.0 MB -> 0.0 MB")
        after = connection.execute(NODE).fetchone()
        assert after is not None
        assert before is not None
        assert after[0] != before[0]
        assert after[1] == before[1]


def test_what_an_interrupted_rebuild_left_is_named_and_not_added_to(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_upkeep, "_LEAST_BYTES", 0)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "create index instruments_broker_text_idx_ccnew on oadb.instruments (broker)"
        )
        connection.execute(
            "update pg_index set indisvalid = false "
            "where indexrelid = 'oadb.instruments_broker_text_idx_ccnew'::regclass"
        )
        before = connection.execute(NODE).fetchone()
        (line,) = said(configured(url))

        assert "drop index concurrently oadb.instruments_broker_text_idx_ccnew" in line
        assert connection.execute(NODE).fetchone() == before
