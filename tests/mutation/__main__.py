"""Changes oadb in one place at a time, and shows which changes no test notices.

``python -m tests.mutation --sample 400 --seed 1 --folder FOLDER`` tries as many mutants of each
room of Python and SQL, and of the migrations. The folder keeps results: a run that is ended goes on
there, and one that begins anew with it tries only those that survived. ``--write`` writes
docs/mutation.md.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.mutation import finding, listed, page, results, running, sessions
from tests.mutation.mutants import Mutant, chosen

ROOT = Path(__file__).parents[2]


def arguments(given: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=400, help="how many mutants")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--rooms", default="", help="of these rooms alone, such as bans,keys")
    parser.add_argument("--kinds", default="", help="of python, sql and migration")
    parser.add_argument("--folder", type=Path, help="keeps records and results")
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--markers", default=running.MARKERS, help="of the tests, as of pytest")
    parser.add_argument("--seconds", type=float, default=60, help="of tests for one mutant")
    parser.add_argument("--limit", type=float, default=300, help="in seconds, when one hangs")
    parser.add_argument("--table", action="store_true", help="run nothing, show the results")
    parser.add_argument("--write", action="store_true", help="write docs/mutation.md as well")
    return parser.parse_args(given)


def every(options: argparse.Namespace) -> list[Mutant]:
    """Return all mutants of the rooms and kinds."""
    rooms, kinds = set(filter(None, options.rooms.split(","))), options.kinds
    found = finding.found(ROOT, rooms)
    return [each for each in found if not kinds or each.kind in kinds.split(",")]


def tried(options: argparse.Namespace) -> list[Mutant]:
    """Return the mutants of a run: the sample, and those that are named."""
    found = every(options)
    sample = [*chosen(found, options.sample, options.seed)]
    names = listed.reasons(listed.read(listed.NAMED))
    named = [each for each in found if listed.key(each) in names]
    of_identity = {each.identity: each for each in [*named, *sample]}
    return [each for each in of_identity.values() if finding.is_code(each, ROOT)]


def main(given: list[str]) -> int:
    options = arguments(given)
    folder: Path = options.folder or Path(tempfile.mkdtemp(prefix="oadb-mutation-"))
    folder.mkdir(exist_ok=True)
    reasons = listed.reasons(listed.read(listed.EQUIVALENT))
    kept = folder / "results.jsonl"
    if not options.table:
        left = []
        for each in tried(options):
            if listed.key(each) in reasons:
                results.add(kept, running.Result(each.identity, each.title, "equivalent", "", 0))
            else:
                left.append(each)
        sessions.run(ROOT, folder, left, options)
    known = results.read(kept)
    mutants = [each for each in every(options) if each.identity in known]
    equivalent = {each.identity for each in mutants if listed.key(each) in reasons}
    table = results.table(mutants, known, equivalent)
    unnoticed = [
        each for each in results.survivors(mutants, known) if each.identity not in equivalent
    ]
    print(results.shown(unnoticed), table, f"records and results: {folder}", sep="\n\n")
    if options.write:
        page.write(ROOT, table, unnoticed, options.seed, running.TEST_SECONDS)
    return bool(unnoticed)


sys.exit(main(sys.argv[1:]))
