"""Keys compare by their bytes; the doctor says when the order of other texts has changed."""

from oadb import Database
from oadb.tools import collation_check
from oadb.tools.collation_check import CollationVersion
from tests.support.rig import Observer

ORDERED_AS_THE_DATABASE = {
    # Words that a CHECK or a service names: in every language they have the same order.
    "login_attempts_outcome_idx": "six words with different initials",
    "pending_orders_status_idx": "five words with different initials",
    "log_batches_first_at_idx": "four words, by whose order nothing is decided",
    # Views depend on them, and each is read from end to end.
    "log_tables_pkey": "some rows, written by migrations",
    "role_privileges_pkey": "some rows, written by migrations",
    "user_tables_pkey": "some rows, written by migrations",
    # Not unique: what it misses is only not shown, and it is in each month of years of calls.
    "api_logs_endpoint_idx": "long to build again; the doctor says when it has to be",
}
"""Indexes with a text in the order of the database, and why that may stay."""


def test_a_text_in_an_index_compares_by_its_bytes_or_it_is_said_why_not(shared_url: str) -> None:
    """Otherwise an upgrade of the operating system may put a key out of its place."""
    found = Observer(shared_url).rows(
        "select distinct pg_class.relname from pg_index "
        "inner join pg_class on pg_index.indexrelid = pg_class.oid "
        "where pg_class.relnamespace = 'oadb'::regnamespace and not pg_class.relispartition "
        "and 'default'::regcollation = any(pg_index.indcollation::oid[])"
    )

    assert {name for (name,) in found} == {*ORDERED_AS_THE_DATABASE}


def test_a_changed_locale_is_a_finding_that_says_what_to_do() -> None:
    versions = [
        CollationVersion(None, "2.31", "2.36"),
        CollationVersion("shop.names", "153.112", "153.120"),
        CollationVersion('"C"', None, None),
        CollationVersion('"en_IN"', "2.36", "2.36"),
        CollationVersion('"de_DE"', "2.36", None),
    ]
    database, names = collation_check.faults(versions)

    assert database == (
        "the database was made with version 2.31 of its locale, and the server has 2.36: indexes "
        "of texts may miss rows; as its owner: reindex database concurrently, and refresh the "
        "version (docs/reliability.md)"
    )
    assert names.startswith("the collation shop.names was made with version 153.112 ")


def test_the_order_of_a_fresh_database_is_that_of_the_server(shared_db: Database) -> None:
    assert [finding.ok for finding in collation_check.check(shared_db)] == [True]
