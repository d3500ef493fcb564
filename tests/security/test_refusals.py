"""The answer to "may I?" is true only for yes."""

import pytest

from oadb import Refusal
from oadb.security.refusals import Accepted


@pytest.mark.parametrize("refusal", [*Refusal], ids=lambda refusal: refusal.value)
def test_a_refusal_is_false_in_a_condition(refusal: Refusal) -> None:
    assert not refusal
    assert refusal in {*Refusal}, "it is still a value to compare"


def test_what_an_accepted_credential_leads_to_is_true_even_if_it_has_no_content() -> None:
    class Empty(Accepted):
        pass

    assert Empty()
