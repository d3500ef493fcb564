"""No dependency may be a release with a known hole; known_holes.toml lists these."""

import re
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1] / "pyproject.toml"
_REQUIREMENT = re.compile(r"(?P<name>[a-z0-9-]+)(\[[a-z,]+\])?>=(?P<floor>[\d.]+),<[\d.]+")


def floors() -> list[tuple[str, str]]:
    """Return the name and the lowest release of each dependency, of all extras and of the build."""
    described = tomllib.loads(PROJECT.read_text())
    extras = described["project"]["optional-dependencies"].values()
    given = [
        *described["build-system"]["requires"],
        *described["project"]["dependencies"],
        *(each for extra in extras for each in extra if not each.startswith("oadb[")),
    ]
    found = [_REQUIREMENT.fullmatch(each) for each in given]
    assert None not in found, "a dependency has no lowest or no highest release"
    return [(each["name"], each["floor"]) for each in found if each]


def numbers(release: str) -> tuple[int, ...]:
    return tuple(map(int, re.sub(r"(\.0)+$", "", release).split(".")))


KNOWN = tomllib.loads((HERE / "known_holes.toml").read_text())


def test_no_release_with_a_known_hole_is_allowed() -> None:
    fixed = {name: entry["release"] for name, entry in KNOWN["fixed"].items()}
    low = {
        f"{name}>={floor}"
        for name, floor in floors()
        if name in fixed and numbers(floor) < numbers(fixed[name])
    }

    assert low == set()


def test_each_dependency_was_looked_at() -> None:
    names = {name for name, _ in floors()}

    assert names == {*KNOWN["fixed"], *KNOWN["none"]["packages"]}
    assert {*KNOWN["fixed"]}.isdisjoint(KNOWN["none"]["packages"])


def test_releases_are_compared_by_number() -> None:
    assert numbers("9.0.3") < numbers("9.1") < numbers("10") == numbers("10.0.0")
