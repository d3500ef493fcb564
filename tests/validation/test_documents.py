"""JSON documents: accepted ones read back equal; errors show the place and no content."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oadb import Database
from oadb.engine.binding.queries import Queries
from oadb.engine.binding.statements import parse
from oadb.errors import ParameterError
from oadb.validation.documents import DEEPEST, LARGEST, require_document

MARK = "marked-9"
FLOAT = "is a float that would not read back as one"
NUL = "a NUL character, which PostgreSQL's text cannot hold; remove it"


def nested(depth: int, last: object = None) -> dict[str, object]:
    """Return an object with objects inside of each other, *depth* in total."""
    document: dict[str, object] = {} if last is None else {"a": last}
    for _ in range(depth - 1):
        document = {"a": document}
    return document


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"": None, "a": True, "b": 1, "c": 1.5, "d": "x", "e": [], "f": {}},
        {"a": [[1, [2]], {"b": [None]}]},
        {"a": 2**63 - 1, "b": -(2**63), "c": -9999999999999998.0, "d": 5e-324, "e": -0.0},
        {"\U0001f600 '\"\\": "\n\t\x01 é"},
        nested(DEEPEST),
        {"a": "x" * (LARGEST - 3)},
        {"a": [0] * (LARGEST - 3)},
    ],
    ids=lambda document: repr(document)[:30],
)
def test_a_valid_document_is_accepted(document: dict[str, object]) -> None:
    require_document("x", document)


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (None, "x must be a JSON object, not NoneType"),
        ([], "x must be a JSON object, not list"),
        (f'{{"a": "{MARK}"}}', "x must be a JSON object, not str"),
        ({"legs": [{"size": math.nan}]}, f"x[legs][0][size] {FLOAT}"),
        ({"legs": -math.inf}, f"x[legs] {FLOAT}"),
        ({"n": 1e16}, f"x[n] {FLOAT}"),
        ({"n": 2**63}, "x[n] is a whole number of more than 64 bits"),
        ({"n": [10**500]}, "x[n][0] is a whole number of more than 64 bits"),
        ({"n": {MARK}}, "x[n] is of type set, which JSON does not have"),
        ({"n": (MARK,)}, "x[n] is of type tuple, which JSON does not have"),
        ({"n": MARK.encode()}, "x[n] is of type bytes, which JSON does not have"),
        ({"n": f"{MARK}\0"}, f"x[n] holds {NUL}"),
        (
            {"n": [f"{MARK}\ud800"]},
            "x[n][0] holds a lone surrogate, which UTF-8 cannot represent; remove it",
        ),
        ({f"{MARK}\0": 1}, f"x has a name that holds {NUL}"),
        ({"n": {1: MARK}}, "x[n] has a name that is not text"),
        ({"a": 1, MARK: {"b": math.inf}}, f"x[1][b] {FLOAT}"),
        ({"a" * 31: math.inf}, f"x[0] {FLOAT}"),
        (nested(DEEPEST + 1), "x" + "[a]" * DEEPEST + " is deeper than 32"),
        ({"a": MARK * LARGEST}, "x is larger than 65,536 values and characters; leave some out"),
        ({MARK * LARGEST: 1}, "x is larger than 65,536 values and characters; leave some out"),
        ({"a": [0] * LARGEST}, "x is larger than 65,536 values and characters; leave some out"),
    ],
    ids=lambda given: repr(given)[:30],
)
def test_the_error_for_a_document_shows_the_place_and_no_content(document: Any, said: str) -> None:
    with pytest.raises(ParameterError) as refused:
        require_document("x", document)

    assert str(refused.value) == said
    assert MARK not in said


def test_a_document_that_contains_itself_is_refused() -> None:
    chain: dict[str, object] = {}
    chain["a"] = chain
    bush: list[object] = []
    bush += [bush, bush]

    twice: object = 1
    for _ in range(DEEPEST - 2):
        twice = [twice, twice]

    for document in (chain, {"a": bush}, {"a": [twice, twice]}, {"a": [[twice]] * 9}):
        with pytest.raises(ParameterError, match=r"is (deeper|larger) than"):
            require_document("x", document)


def test_shared_values_count_each_time_they_are_written() -> None:
    shared = "x" * 1000

    with pytest.raises(ParameterError, match="larger"):
        require_document("x", {"a": [shared] * 66})


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=20,
)


def echo(document: dict[str, object]) -> dict[str, object]: ...


PROBE = Queries("probe", parse("-- name: echo\nselect :document::jsonb;", "probe", "probe.sql"))
ECHO = PROBE(echo)
PROBE.complete()


@pytest.mark.long("hundreds of random documents")
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5))
def test_an_accepted_document_reads_back_from_the_database_unchanged(
    shared_db: Database, document: dict[str, Any]
) -> None:
    try:
        require_document("x", document)
    except ParameterError:
        return

    assert json.loads(json.dumps(document)) == document
    assert ECHO(shared_db, document) == document
