"""Whatever is committed when, and however readers are hindered: a stale entry lives a second."""

import pytest

from tests.support import change_histories

FEW, MANY = 120, 10_000


@pytest.mark.long("random histories, each of seconds")
@pytest.mark.parametrize(
    "count", [FEW, pytest.param(MANY, marks=[pytest.mark.slow, pytest.mark.timeout(3600)])]
)
def test_no_entry_is_stale_for_longer_than_the_bound(oadb_database_url: str, count: int) -> None:
    outcome = change_histories.play(oadb_database_url, range(count))
    print(outcome)

    assert outcome.oldest_seconds <= change_histories.BOUND
    assert outcome.served > count, "otherwise nothing was cached"
    assert outcome.stale > count / 10, "otherwise nothing was tried"
