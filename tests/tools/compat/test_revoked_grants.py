"""A grant that is revoked is told where a role runs a statement that needs it, and only there."""

import sys

import pytest

from oadb.engine import dsn
from oadb.engine.binding.packages import find
from oadb.testing.servers import Server
from oadb.tools.compat import base_release, verdict
from tests.support.planted_releases import Releases, Source

SCHEMA = """
create schema bazaar;
create table bazaar.orders (id bigint primary key, code text not null, kind text);
create view bazaar.kinds as select orders.id, orders.kind from bazaar.orders;
create table bazaar.prices (id bigint primary key, code text not null);
create function bazaar.total() returns bigint language sql stable as 'select 1::bigint';
grant usage on schema bazaar to oadb_app, oadb_log;
grant select, update on bazaar.orders to oadb_app;
grant select on bazaar.orders, bazaar.kinds to oadb_log;
grant select on bazaar.prices to public, oadb_log;
"""
REVOKED = """
revoke select, update on bazaar.orders from oadb_app;
grant select (id), update (kind) on bazaar.orders to oadb_app;
revoke select on bazaar.orders from oadb_log;
revoke select on bazaar.prices from public;
"""
DECLARED = {
    "list_codes() -> list[Code]": "select orders.id, orders.code from bazaar.orders;\n",
    "count_orders() -> int": "select count(*) from bazaar.orders;\n",
    "set_code(id: int, code: str) -> None":
        "update bazaar.orders set code = :code where id = :id;\n",
    "set_kind(id: int, kind: str) -> None":
        "update bazaar.orders set kind = :kind where id = :id;\n",
    "find_by_kind(kind: str) -> list[int]":
        "select orders.id from bazaar.orders where orders.kind = :kind;\n",
    "list_kinds() -> list[int | None]": "select kinds.id from bazaar.kinds;\n",
    "list_prices() -> list[Code]": "select prices.id, prices.code from bazaar.prices;\n",
    "list_dear() -> list[Code]": "select prices.id, prices.code from bazaar.prices;\n",
}  # fmt: skip  # a table
USES = """
[roles.oadb_app]
runs = ["cases.*"]
not = ["cases.list_kinds", "cases.list_prices"]

[roles.oadb_log]
runs = ["cases.list_kinds", "cases.list_prices", "cases.list_dear"]
"""

TOLD = {
    "list_codes": "bazaar.orders.code may not be used by oadb_app: without the privilege select",
    "set_code": "bazaar.orders.code may not be used by oadb_app: without the privilege update",
    "find_by_kind": "bazaar.orders.kind may not be used by oadb_app: without the privilege select",
    "list_dear": "bazaar.prices.code, id may not be used by oadb_app: without the privilege select",
}


@pytest.fixture(scope="module")
def told(
    oadb_server: Server, oadb_template: str, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Give what is told of each statement; the template makes the roles."""
    assert oadb_template
    base = Source([SCHEMA], DECLARED, USES)
    releases = Releases(tmp_path_factory.mktemp("compat") / "repository", "bazaar")
    releases.release(base, "v1")
    releases.write(Source([SCHEMA, REVOKED], DECLARED, USES.replace("cases.list_dear", "cases.*")))
    with pytest.MonkeyPatch.context() as patch, oadb_server.clone("template0") as url:
        patch.setattr(sys, "path", [str(releases.folder), *sys.path])
        packages = [find("bazaar")]
        with base_release.unpacked("v1", packages, by_name=True) as release:
            found = verdict.compare(dsn.parse(url), release, packages)
    texts: dict[str, list[str]] = {}
    for each in found:
        assert each.direction == "old code"
        texts.setdefault(each.fault.name.removeprefix("cases."), []).append(each.fault.text)
    return texts


@pytest.mark.long("applies a release's migrations, and asks the release before it after each")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(
            each,
            marks=pytest.mark.planted("release", f"a grant is revoked that {each} needs"),
        )
        for each in TOLD
    ],
)
def test_a_revoked_grant_is_told_of_the_role_and_the_statement_that_needs_it(
    told: dict[str, list[str]], name: str
) -> None:
    assert told[name] == [TOLD[name]]


@pytest.mark.long("applies a release's migrations, and asks the release before it after each")
def test_what_no_role_needs_for_its_statements_is_not_told(told: dict[str, list[str]]) -> None:
    assert {*told} == {*TOLD}
