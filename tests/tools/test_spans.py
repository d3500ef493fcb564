"""Durations on the command line: one form, one error."""

from datetime import timedelta

import pytest
import typer

from oadb.tools.commands import spans
from tests.support.command_line import oadb

OPTIONS = [
    ("stats", "--last"),
    ("maintain", "--every"),
    ("bans", "add", "203.0.113.7", "--reason", "guessing", "--for"),
]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("60s", 60),
        ("24h", 86_400),
        ("1h30m", 5_400),
        ("7d", 604_800),
        ("2w1d1h1m1s", 1_299_661),
        ("36500d", 3_153_600_000),
    ],
)
def test_numbers_with_units_are_a_duration(text: str, seconds: int) -> None:
    span = spans.parse(text)

    assert span.length == timedelta(seconds=seconds)
    assert str(span) == text
    assert spans.parse(span) == span


@pytest.mark.parametrize(
    "text",
    [
        *("", "24", "h", "-1h", "0d", "0h0m", "1.5h", "1y", "36501d", "9999999w", "99999999w"),
        *("30m1h", "1h1h", "1 h", "1H", "٣h", "1h\n", "1e3s", "x" * 500),
    ],
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="such as 60s, 24h, 1h30m or 7d") as refusal:
        spans.parse(text)
    assert len(str(refusal.value)) < 200


@pytest.mark.parametrize("command", OPTIONS, ids=lambda command: command[-1])
def test_a_wrong_duration_is_wrong_usage_and_names_the_option(command: tuple[str, ...]) -> None:
    done = oadb(*command, "24", url="postgresql:///nowhere")

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1] == (
        f"Error: Invalid value for '{command[-1]}': '24' is not a duration of at most 100 years; "
        "give numbers with units, the largest first, such as 60s, 24h, 1h30m or 7d"
    )
