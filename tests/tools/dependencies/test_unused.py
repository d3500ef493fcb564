"""What nothing uses is found, what is used is not, and what is kept has its reason."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from oadb.tools.dependencies import grant_check, unused
from oadb.tools.dependencies.examination import Examination
from oadb.tools.findings import Finding


def kept(examination: Examination, **reasons: str) -> Examination:
    """Return the same with other entries of ``[kept]``."""
    (package,) = examination.packages
    usage = {package.name: replace(examination.usage[package.name], kept=reasons)}
    other = replace(examination)
    vars(other).update({**vars(examination), "usage": usage})
    return other


def failed(findings: Iterator[Finding]) -> set[str]:
    return {each.subject for each in findings if not each.ok}


def test_each_planted_thing_is_found_and_no_other(examination: Examination) -> None:
    assert failed(unused.find(examination)) == {
        "index planted.goods_forgotten_idx",
        "column planted.goods.forgotten",
        "column planted.people.email_key",
        """column planted."odd (names".it's""",
        "statement goods.never_called",
        "comment goods.find_by_name",
        "grant oadb_app: delete planted.goods",
        "grant oadb_app: update planted.goods (forgotten)",
    }


def test_what_is_kept_is_told_with_its_reason(examination: Examination) -> None:
    other = kept(examination, **{"column planted.goods.*": "people read it"})
    (told,) = [each for each in unused.find(other) if "planted.goods." in each.subject]

    assert (told.ok, told.text) == (True, "kept (1): people read it")


@pytest.mark.parametrize("name", ["column planted.goods.name", "index planted.none_idx"])
def test_what_is_kept_although_it_is_used_or_not_there_is_found(
    examination: Examination, name: str
) -> None:
    assert name in failed(unused.find(kept(examination, **{name: "why"})))


def test_a_missing_grant_is_found_with_a_statement_that_needs_it(examination: Examination) -> None:
    found = [*unused.find_missing_grants(examination)]

    assert [str(each) for each in found] == [
        "FAIL grant oadb_app: update planted.goods (state): is missing: goods._sell needs it"
    ]


def test_what_roles_need_is_a_grant(examination: Examination) -> None:
    needed = [
        need for each in examination.runs["oadb_app"] for need in grant_check.needs("it", each)
    ]

    assert [*grant_check.as_statements(needed)] == [
        "grant select (email) on planted.emails to it;",
        "grant select (good_id, name), update (name, state) on planted.goods to it;",
    ]


def test_a_pattern_that_matches_no_statement_is_found(examination: Examination) -> None:
    (package,) = examination.packages
    other = kept(examination)
    role = replace(other.usage[package.name].roles["oadb_app"], runs=("goods.*", "gods.*"))
    usage = {package.name: replace(other.usage[package.name], roles={"oadb_app": role})}
    vars(other)["usage"] = usage

    assert [each.text for each in unused.find_unknown_patterns(other)] == [
        "no statement matches gods.*"
    ]
