"""``db.ready()`` and ``oadb ready`` on a database of oadb."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_bytes

import pytest
from typer.testing import CliRunner

from oadb import AsyncDatabase, Config, Database
from oadb.engine.readiness import ReadyFinding
from oadb.keys import proof
from oadb.security.keyring import Key, KeyRing
from oadb.tools import service_checks
from oadb.tools.cli import app
from tests.conftest import RING, configured

OTHER_RING = KeyRing([Key(9, "primary", datetime(2026, 1, 1, tzinfo=UTC), token_bytes(32))])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str]]:
    """Give a function that runs ``oadb ready`` on a database: exit code and output."""

    def run(url: str, *arguments: str) -> tuple[int, str]:
        monkeypatch.setenv("DATABASE_URL", url)
        result = CliRunner().invoke(app, ["ready", *arguments])
        return result.exit_code, result.stdout

    return run


def wrong(config: Config) -> list[ReadyFinding]:
    db = Database(config)
    try:
        return [finding for finding in db.ready().findings if not finding.ok]
    finally:
        db.close()


def test_a_migrated_database_is_ready(url: str) -> None:
    with Database(configured(url)) as db:
        found = db.ready()

    assert [str(finding) for finding in found.findings if not finding.ok] == []
    assert [each.subject for each in found.findings] == ["connection", *service_checks.CHECKS]


async def test_a_migrated_database_is_ready_on_a_loop(url: str) -> None:
    async with AsyncDatabase(configured(url)) as db:
        assert await db.ready()


def test_keys_that_are_not_in_the_ring_are_told(url: str) -> None:
    config = configured(url)
    with Database(config) as db:
        proof.prove(db)

    [finding] = wrong(replace(config, keyring=OTHER_RING))
    assert (finding.subject, "key 1" in finding.text) == ("keys", True)

    [finding] = wrong(replace(config, keyring=None))
    assert str(finding) == (
        "FAIL keys: no key ring, but secrets are sealed under key 1; set OADB_KEYRING_FILE"
    )


def test_a_database_without_migrations_is_told_to_migrate(oadb_empty_url: str) -> None:
    found = {finding.subject: finding for finding in wrong(configured(oadb_empty_url))}

    assert found["migrations"].advice == "run oadb migrate"
    assert found["keys"].advice == "run oadb migrate"


def test_the_command_prints_a_line_for_each_finding(
    run: Callable[..., tuple[int, str]], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OADB_KEYRING", RING.to_json())
    code, output = run(url)

    assert [line.split(":")[0] for line in output.splitlines()] == [
        "ok   connection",
        "ok   migrations",
        "ok   keys",
        "ok   roles",
    ]
    assert code == 0


def test_the_command_exits_with_3_where_a_service_cannot_work(
    run: Callable[..., tuple[int, str]],
) -> None:
    code, output = run("postgresql://oadb@127.0.0.1:1/oadb", "--within", "2s")

    assert code == 3
    [line] = output.splitlines()
    assert line.startswith("FAIL connection: cannot connect to ")
    assert line.endswith("; look at the server, the network and DATABASE_URL")
