"""The page of faults is that of the tests."""

from tests.support import fault_table


def test_the_page_of_faults_names_the_tests_that_hold_them() -> None:
    page = (fault_table.ROOT / "docs/faults.md").read_text()
    assert page == fault_table.document(), "python -m tests.support.fault_table > docs/faults.md"


def test_every_fault_and_invariant_has_a_test_and_tests_name_no_other() -> None:
    assert fault_table.held().keys() == fault_table.FAULTS.keys() | fault_table.INVARIANTS.keys()
