"""oadb beside the libraries that an expert would ask for, and the documents of it. Run by hand:

    pip install -e '.[bench]'
    python tests/benchmarks/expert.py [QUESTION ...]
    python tests/benchmarks/expert.py --render

Without names, all questions: lookup, transaction, update, rows-100, rows-many, copy, arrays. Each
is asked of all libraries in turns, in an order that changes, pinned to one CPU with the server and
then not pinned, each time on a durable server of its own; with DATABASE_URL, on that one. The
rounds are kept in docs/figures, from which the tables and pictures of docs/performance.md are
written, at the end or by --render alone. OADB_BENCH_ROUNDS sets the number of rounds,
OADB_BENCH_SMALL makes the tables small, OADB_BENCH_FIGURES names another folder, and then no
document is written.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

if not __package__:
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.benchmarks import conditions
from tests.benchmarks.contest import pages, recorded
from tests.benchmarks.contest.questions import QUESTIONS

_WORKER = Path(__file__).with_name("contest") / "one_pass.py"


def main(*names: str) -> None:
    """Ask, keep and write; with --render, write alone."""
    known = [question.key for question in QUESTIONS]
    given = os.environ.get("OADB_BENCH_FIGURES")
    if names != ("--render",):
        unknown = {*names} - {*known}
        if unknown:
            sys.exit(f"no question {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        machine = conditions.machine()
        passes = {each: _pass(each, names) for each in (recorded.PINNED, recorded.FREE)}
        recorded.keep(passes, machine, Path(given) if given else recorded.FOLDER)
    if not given:
        pages.render(recorded.FOLDER.parent, recorded.read(recorded.FOLDER))


def _pass(name: str, questions: tuple[str, ...]) -> tuple[str, dict[str, list[recorded.Rounds]]]:
    print(f"{name}:", file=sys.stderr, flush=True)
    first = ["pinned"] if name == recorded.PINNED else []
    answer = subprocess.run(
        [sys.executable, _WORKER, *first, *questions], check=False, stdout=subprocess.PIPE
    )
    if answer.returncode:
        sys.exit(answer.returncode)
    found = json.loads(answer.stdout)
    return found["server"], found["questions"]


if __name__ == "__main__":
    main(*sys.argv[1:])
