"""Values are sent and read by psycopg's code in C, wherever it has some."""

import pytest
from psycopg import pq
from psycopg._cmodule import _psycopg
from psycopg.adapt import PyFormat

from oadb.engine import result_formats
from oadb.engine.binding.dumpers import Sent, Untyped
from oadb.engine.binding.values import POSTGRES

pytestmark = pytest.mark.skipif(_psycopg is None, reason="psycopg runs on its code in Python")


def is_as_quick_as_it_can_be(adapter: type) -> bool:
    """Say whether neither it nor a class below it is one in Python of which there is one in C."""
    return all(getattr(_psycopg, each.__name__, each) is each for each in adapter.__mro__)


@pytest.mark.parametrize("python", POSTGRES)
def test_a_value_is_sent_by_code_in_c(python: type) -> None:
    dumper = Sent.adapters.get_dumper(python, PyFormat.AUTO)
    assert is_as_quick_as_it_can_be(dumper), dumper


@pytest.mark.parametrize("oid", result_formats._SAVED)
def test_a_value_is_read_by_code_in_c(oid: int) -> None:
    for form in (pq.Format.TEXT, pq.Format.BINARY):
        loader = Sent.adapters.get_loader(oid, form)
        assert loader is not None
        assert is_as_quick_as_it_can_be(loader), loader


def test_a_class_in_python_over_one_that_is_in_c_is_noticed() -> None:
    dumper = Untyped.adapters.get_dumper(int, PyFormat.AUTO)
    assert not is_as_quick_as_it_can_be(dumper)
