"""What a migration may break is said in it; what breaks for a while only is told; exit code 3."""

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace

import pytest

from oadb.embedded import embedded_server
from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.testing.servers import Server
from oadb.tools.compat import base_release, verdict
from tests.support.command_line import oadb
from tests.support.planted_releases import Releases, Source

TABLES = """\
create schema booth;
create table booth.ended (id bigint primary key, note text);
create table booth.paused (id bigint primary key, note text);
create table booth.loose (id bigint primary key, code text);
create table booth.fine (id bigint primary key);
"""
DECLARED = {
    "list_ended() -> list[Note]": "select ended.id, ended.note from booth.ended;\n",
    "list_paused() -> list[Note]": "select paused.id, paused.note from booth.paused;\n",
    "list_loose() -> list[Code]": "select loose.id, loose.code from booth.loose;\n",
    "list_fine() -> list[int]": "select fine.id from booth.fine;\n",
}
FIRST = """\
-- breaks: cases.list_ended: no page of the release before shows notes
-- breaks: cases.list_loose
alter table booth.ended drop column note;
alter table booth.paused rename column note to kept;
create index fine_idx on booth.fine (id);
"""
SECOND = """\
-- breaks: cases.list_fine: it was thought so
alter table booth.paused rename column kept to note;
"""
REFUSED = (
    "refused beside v1: 1 finding; the new code runs on the old schema, so it can be deployed "
    "before"
)
SAFE = "create table booth.more (id bigint primary key);\n"


@pytest.fixture(scope="module")
def booth(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Releases]:
    """Give a package with a release, which disagrees with its own schema in one statement."""
    releases = Releases(tmp_path_factory.mktemp("compat") / "repository", "booth")
    releases.release(Source([TABLES], DECLARED), "v1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [str(releases.folder), *sys.path])
        find("booth")
        yield releases


@pytest.mark.long("asks a release on each level of the next one")
def test_a_finding_is_accepted_by_its_migration_and_what_accepts_nothing_is_one(
    booth: Releases, oadb_server: Server
) -> None:
    booth.write(Source([TABLES, FIRST, SECOND], DECLARED))
    with (
        oadb_server.clone("template0") as url,
        base_release.unpacked("v1", [find("booth")], by_name=True) as base,
    ):
        found = verdict.compare(dsn.parse(url), base, [find("booth")])

    accepted = [each for each in found if each.reason]
    first, second = "0002_change_booth", "0003_change_booth"
    rejected = "the server rejects the statement: column"
    (ended,) = map(str, accepted)
    assert ended == (
        f"old code, after {first}: cases.list_ended (booth.cases:34 and sql/queries/cases.sql:2): "
        f"{rejected} ended.note does not exist (line 2); accepted: no page of the release before "
        "shows notes"
    )
    nothing, paused, stale = (str(each).partition("; ")[0] for each in found if each.is_refused)
    assert nothing == (
        f"migrations, at {first}: {first}.sql:4 accepts nothing as it stands: "
        "-- breaks: cases.list_loose"
    )
    assert paused == (
        f"old code, after {first}: cases.list_paused (booth.cases:38 and sql/queries/cases.sql:5): "
        f"{rejected} paused.note does not exist (line 5)"
    )
    assert stale == (
        f"migrations, at {second}: {second}.sql says that it breaks cases.list_fine, which it "
        "does not"
    )
    assert all(each.is_refused or each.reason for each in found)


@pytest.mark.long("asks a release on each level of the next one")
@pytest.mark.parametrize(
    ("later", "code", "last"),
    [
        ([SAFE], 0, "safe beside v1: in any order"),
        (["alter table booth.fine rename to finer;\n"], 3, REFUSED),
    ],
)
def test_the_command_says_whether_a_release_is_safe(
    booth: Releases,
    oadb_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    later: list[str],
    code: int,
    last: str,
) -> None:
    monkeypatch.chdir(booth.folder)
    booth.write(Source([TABLES, *later]))
    with oadb_server.clone("template0") as url:
        server = SimpleNamespace(keywords=dsn.parse(url).keywords)
        monkeypatch.setattr(embedded_server, "temporary", lambda: nullcontext(server))
        done = oadb("compat", "--base", "v1", "--package", "booth")

    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.splitlines()[-1] == last


def test_a_wrong_base_is_wrong_usage(booth: Releases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(booth.folder)
    done = oadb("compat", "--base", "v9", "--package", "booth")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("oadb: v9 is not a revision of ")
    assert Path(booth.folder, ".git").is_dir()
