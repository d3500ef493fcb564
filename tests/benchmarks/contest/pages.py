"""What the documents say of the runs that are kept: written between marks, and drawn.

<!-- of docs/figures: NAME -->
... is written by render ...
<!-- end -->
"""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.benchmarks.contest.aims import AIMS, Aim
from tests.benchmarks.contest.entrants import ASYNCIO, BLOCKING
from tests.benchmarks.contest.names import (
    ASYNCPG_POOL,
    CLASS_ROW,
    DEFAULT_POOL,
    OURS,
    POOL,
    WRITE_ROW,
)
from tests.benchmarks.contest.pictures import bars, shown, unit
from tests.benchmarks.contest.questions import COPY, LOOKUP, ROWS_100, ROWS_MANY, TRANSACTION
from tests.benchmarks.contest.recorded import FREE, PINNED, Measured, Record
from tests.benchmarks.rounds import Ratio

COMMAND = "python tests/benchmarks/expert.py"

_MARKED = r"(<!-- of docs/figures: {} -->\n).*?(<!-- end -->)"


def written(text: str, name: str, part: str) -> str:
    """Return a document with what stands between the marks of *name* replaced.

    Raises:
        ValueError: It has no such marks.
    """
    found, count = re.subn(
        _MARKED.format(re.escape(name)),
        lambda match: f"{match[1]}\n{part}\n\n{match[2]}",
        text,
        flags=re.DOTALL,
    )
    if count != 1:
        raise ValueError(f"the document has {count} places for {name}, not 1")
    return found


def table(head: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    """Return a Markdown table; all columns but the first are right-aligned figures."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


# The answers: one line for each size -----------------------------------------------------------

_ANSWERS = (
    (LOOKUP, "one row by its key", BLOCKING, POOL),
    (LOOKUP, "one row, async", ASYNCIO, ASYNCPG_POOL),
    (TRANSACTION, "a transaction of one", BLOCKING, DEFAULT_POOL),
    (ROWS_100, "100 rows", BLOCKING, CLASS_ROW),
    (ROWS_MANY, "10,000 rows", BLOCKING, CLASS_ROW),
    (COPY, "COPY of 20,000 rows", BLOCKING, WRITE_ROW),
)


def answers(records: Sequence[Record]) -> str:
    """Return how fast it is, beside whom, at what size."""
    by_key = {record.question.key: record for record in records}

    def rows() -> Iterator[Sequence[str]]:
        for key, what, how, peer in _ANSWERS:
            record = by_key[key]
            ours, other = record.find(PINNED, OURS, how), record.find(PINNED, peer, how)
            free = record.find(FREE, OURS, how).times(record.find(FREE, peer, how))
            yield [
                f"[{what}](#{_anchor(record)})",
                _with_unit(ours.clock),
                _with_unit(ours.cpu),
                peer,
                str(ours.times(other)),
                str(ours.cpu_times(other)),
                str(free),
            ]

    head = ["what", "takes", "CPU", "beside", "its time, 1 is as long", "CPU", "not pinned"]
    return f"{table(head, rows())}\n\n{_conditions(by_key[LOOKUP])}"


def _conditions(record: Record) -> str:
    return (
        f"Run of {record.answers['made']}, revision {record.answers['revision']}, by "
        f"`{COMMAND}`: medians with their 95 % confidence interval. "
        f"{record.answers['machine'][0]}. The server is durable: {record.server(PINNED)}."
    )


def _with_unit(found: Ratio) -> str:
    factor, name = unit(found.middle)
    return f"{shown(found.middle * factor)} {name}"


# The aims --------------------------------------------------------------------------------------


def aims(records: Sequence[Record]) -> str:
    """Return each aim with what was measured, and whether it is reached in both passes."""
    by_key = {record.question.key: record for record in records}

    def rows() -> Iterator[Sequence[str]]:
        for aim in AIMS:
            pinned, free = (_measured(by_key[aim.question], aim, each) for each in (PINNED, FREE))
            reached = [aim.holds(each[0].middle) for each in (pinned, free)]
            said = "yes" if all(reached) else "no" if not any(reached) else "in one"
            yield [aim.what, aim.said, str(pinned[0]), str(pinned[1]), str(free[0]), said]

    return table(["what", "aim", "pinned", "its CPU", "not pinned", "reached"], rows())


def _measured(record: Record, aim: Aim, passed: str) -> tuple[Ratio, Ratio]:
    above, below = record.find(passed, *aim.above), record.find(passed, *aim.below)
    return above.times(below), above.cpu_times(below)


# The questions ---------------------------------------------------------------------------------


def questions(records: Sequence[Record]) -> str:
    """Return the picture and the table of each question."""
    return "\n\n".join("\n\n".join(_question(record)) for record in records)


def _question(record: Record) -> Iterator[str]:
    question, answers = record.question, record.answers
    name, rounds = _picture(record), len(answers["passes"][PINNED]["entrants"][0]["clock"])
    yield f"### {question.title}"
    yield (
        f"{question.said} {rounds} rounds of {question.calls} calls. `{COMMAND} {question.key}`, "
        f"{answers['made']}, revision {answers['revision']}, {answers['machine'][0]}."
    )
    yield f"Pinned: {record.server(PINNED)}. Not pinned: {record.server(FREE)}."
    yield f"![The median time of each library](figures/{name})"
    yield _table(record)


def _anchor(record: Record) -> str:
    title = record.question.title.lower().replace(",", "")
    return title.replace(" ", "-")


def _picture(record: Record) -> str:
    return f"calls-{record.question.key}.svg"


def _table(record: Record) -> str:
    pinned, free = record.entrants(PINNED), record.entrants(FREE)
    factor, name = unit(min(each.clock.middle for each in pinned))

    def rows() -> Iterator[Sequence[str]]:
        for one, other in zip(pinned, free, strict=True):
            yield [
                f"{one.name} ({one.how})",
                *_figures(one, _ours(pinned, one.how), factor),
                *_figures(other, _ours(free, one.how), factor),
            ]

    columns = [f"{name}", f"CPU {name}", "times ours"]
    return table(["", *columns, *(f"{each}, not pinned" for each in columns)], rows())


def _ours(entrants: Sequence[Measured], how: str) -> Measured:
    return next(each for each in entrants if (each.name, each.how) == (OURS, how))


def _figures(one: Measured, ours: Measured, factor: float) -> Iterator[str]:
    low, high = (shown(end * factor) for end in (one.clock.low, one.clock.high))
    yield f"{shown(one.clock.middle * factor)} [{low}, {high}]"
    yield shown(one.cpu.middle * factor)
    yield str(one.times(ours))


# All of it -------------------------------------------------------------------------------------

Parts = dict[str, Callable[[Sequence[Record]], str]]
PARTS: Parts = {"answers": answers, "aims": aims, "questions": questions}


def performance(text: str, records: Sequence[Record]) -> str:
    """Return docs/performance.md with its parts as the records say."""
    for name, part in PARTS.items():
        text = written(text, name, part(records))
    return text


def drawn(records: Sequence[Record]) -> dict[str, str]:
    """Return the pictures by the names of their files."""
    return {
        _picture(record): bars(f"{record.question.title}, pinned", record.entrants(PINNED))
        for record in records
    }


def render(docs: Path, records: Sequence[Record]) -> None:
    """Write the documents anew."""
    page = docs / "performance.md"
    page.write_text(performance(page.read_text(), records))
    for name, picture in drawn(records).items():
        (docs / "figures" / name).write_text(picture)
