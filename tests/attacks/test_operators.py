"""What a role creates in a schema of search_path must not run in the sessions of others.

An operator with exactly the types of an expression is taken before one of pg_catalog whose types
are near: ``interval * bigint`` has none there.
"""

from collections.abc import Generator
from datetime import timedelta

import pytest

from oadb import Database
from oadb.testing.servers import Server
from tests.support.rig import Observer
from tests.support.user_rows import declared

TRAP = """
create role {role};
grant create, usage on schema public to {role};
set role {role};
create function public.trap(interval, bigint) returns interval
language sql return interval '1 day';
create operator public.* (leftarg = interval, rightarg = bigint, function = public.trap);
create function public.lower(bigint) returns text language sql return 'trapped';
reset role;
"""
EXPRESSION = "interval '1 second' * 2::bigint"
PRODUCT = declared(f"select {EXPRESSION} as product", timedelta)
PATH = declared("select current_setting('search_path') as path", str)


@pytest.fixture
def trapped(oadb_server: Server) -> Generator[str]:
    with oadb_server.clone("template1") as url:
        role = f"trapper_{url.partition('oadb_test_')[2][:12]}"
        try:
            Observer(url).rows(TRAP.format(role=role))
            yield url
        finally:
            Observer(url).rows(f"drop owned by {role} cascade; drop role {role};")


def test_an_operator_in_public_is_not_run_by_a_service(trapped: str) -> None:
    assert Observer(trapped).ask(f"select {EXPRESSION}") == timedelta(days=1), "in other sessions"

    with Database.from_url(trapped) as db:
        assert PRODUCT(db) == timedelta(seconds=2)
        with db.transaction() as tx:
            assert PRODUCT(tx) == timedelta(seconds=2)
        with db.connection() as connection:
            assert connection.execute(f"select {EXPRESSION}").fetchone() == (timedelta(seconds=2),)


def test_only_the_url_names_schemas_in_which_unqualified_names_are_found(trapped: str) -> None:
    with Database.from_url(trapped) as db:
        assert PATH(db) == ""
    mark = "&" if "?" in trapped else "?"
    with Database.from_url(f"{trapped}{mark}options=-c%20search_path%3Dpublic") as db:
        assert PATH(db) == "public"
        assert PRODUCT(db) == timedelta(days=1)


def test_every_function_of_oadb_finds_the_same_names_in_every_session(shared_url: str) -> None:
    """It sets search_path, or its body was parsed when it was created."""
    open_ones = Observer(shared_url).rows(
        "select oid::regprocedure::text from pg_proc where pronamespace = 'oadb'::regnamespace "
        "and prosqlbody is null and not 'search_path=\"\"' = any(coalesce(proconfig, '{}'))"
    )
    assert open_ones == []
