"""What a service's tests ask of its database: that its declarations and its walls hold.

def test_the_database_is_what_the_service_thinks(oadb_database_url: str) -> None:
assert checks.contract_faults(oadb_database_url, "shop") == []
assert checks.row_security_faults(oadb_database_url) == []
assert checks.privilege_faults(oadb_database_url) == []
"""

from oadb.engine import dsn
from oadb.engine.config import Config
from oadb.engine.database import Database
from oadb.tools import package_list, row_security
from oadb.tools.contract import comparison


def contract_faults(database_url: str, *packages: str) -> list[str]:
    """Compare every declaration with a database, as ``oadb check`` does.

    Args:
        packages: their names, such as ``shop``; without any, those that the commands find.

    Returns:
        A line for each disagreement.

    Raises:
        ConfigError: a package cannot be used.
        UnavailableError: the database does not answer.
    """
    config = Config(dsn=dsn.parse(database_url))
    return [*comparison.check(config, package_list.chosen(packages))]


def row_security_faults(database_url: str) -> list[str]:
    """Say where row-level security does not stand.

    On every table that ``oadb.user_tables`` lists; and a table with a column ``user_id`` in one of
    the same schemas must be listed.

    Returns:
        A line for each fault, with what to do.

    Raises:
        psycopg.errors.UndefinedTable: oadb's own migrations were not applied.
        UnavailableError: the database does not answer.
    """
    with Database.from_url(database_url) as db:
        tables = row_security.list_walls(db)
    return [fault for table in tables for fault in row_security.faults(table)]


def privilege_faults(database_url: str) -> list[str]:
    """Say what oadb's roles and everybody may do that ``oadb.role_privileges`` does not list.

    Returns:
        A line for each table and role.

    Raises:
        psycopg.errors.UndefinedTable: oadb's own migrations were not applied.
        UnavailableError: the database does not answer.
    """
    with Database.from_url(database_url) as db:
        found = row_security.list_unlisted_privileges(db)
    return [
        f"{each.role_name} may {each.privileges} on {each.name}: "
        "list it in oadb.role_privileges, or call oadb.grant_privileges();"
        for each in found
    ]
