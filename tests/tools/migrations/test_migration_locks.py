"""What is said of the locks of migrations is what they take."""

import pytest

from tests.support.migration_locks import measure, page, unsaid
from tests.support.migrations import REPOSITORY

# They landed before anything compared their comments: docs/migration-locks.md is right.
LANDED = 40


@pytest.mark.long("applies every migration")
def test_the_page_of_locks_and_the_comments_of_later_migrations_are_true(
    oadb_empty_url: str,
) -> None:
    effects = [*measure(oadb_empty_url)]

    assert (REPOSITORY / "docs" / "migration-locks.md").read_text() == page(effects)
    assert {
        each.migration.id: unsaid(each)
        for each in effects
        if unsaid(each) and int(each.migration.id[:4]) > LANDED
    } == {}
    said_too_little = {each.migration.id for each in effects if unsaid(each)}
    assert "0012_find_names_by_key" in said_too_little, "the comparison finds what it should"
