"""One run over many mutants: copies of the tree, records of the tests, and a worker for each."""

import argparse
import queue
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.mutation import choosing, results, running, trees
from tests.mutation.chosen_tests import CHOSEN
from tests.mutation.kept_template import TEMPLATE
from tests.mutation.mutants import Mutant, shuffled
from tests.mutation.recording import RECORDS, file_of

KEEPING = "tests.mutation.kept_template"
CHOOSING = "tests.mutation.chosen_tests"


def run(root: Path, folder: Path, mutants: list[Mutant], options: argparse.Namespace) -> None:
    """Try the mutants that were not noticed yet, and add their results to those in the folder."""
    known = results.read(folder / "results.jsonl")
    noticed = {each.identity for each in known.values() if each.outcome in results.NOTICED}
    left = [each for each in mutants if each.identity not in noticed]
    with tempfile.TemporaryDirectory(prefix="oadb-mutation-") as temporary:
        Path(temporary).chmod(0o755)  # the servers of root run as another user
        places = [Path(temporary, str(number)) for number in range(options.jobs)]
        free: queue.Queue[Path] = queue.Queue()
        for place in places:
            place.mkdir(mode=0o755)
            trees.copied(root, place / "tree")
            free.put(place)
        recorded(places[0], folder, {each.room for each in left}, options)
        tests = choosing.read(folder / "records", places[0] / "tree")

        def tried(mutant: Mutant) -> None:
            place = free.get()
            try:
                result = one(place, folder, mutant, tests, options)
            finally:
                free.put(place)
            results.add(folder / "results.jsonl", result)
            print(f"{result.outcome:9}{result.seconds:6.0f} s  {result.title}", flush=True)

        with ThreadPoolExecutor(options.jobs) as pool:
            for _ in pool.map(tried, shuffled(left, options.seed)):
                pass


def one(
    place: Path,
    folder: Path,
    mutant: Mutant,
    known: Iterable[choosing.RecordedTest],
    options: argparse.Namespace,
) -> running.Result:
    """Try one mutant in a tree."""
    tests = choosing.tests_of(mutant, known, options.seconds)
    plugins = [CHOOSING] if mutant.kind == "migration" else [CHOOSING, KEEPING]
    chosen = place / "tests"
    chosen.write_text("\n".join(tests))
    given = {**variables(place, folder), CHOSEN: str(chosen)}
    files = [*dict.fromkeys(map(file_of, tests))]
    command = running.command(place / "tree", files, options.markers, plugins)
    return running.run(place / "tree", mutant, command, options.limit, given)


def variables(place: Path, folder: Path) -> Mapping[str, str]:
    temporary = place / "tmp"
    temporary.mkdir(exist_ok=True)
    return {"TMPDIR": str(temporary), TEMPLATE: str(folder / "template")}


def recorded(place: Path, folder: Path, rooms: Iterable[str], options: argparse.Namespace) -> None:
    """Run the tests of the rooms without a mutant, as far as the folder has no records of them."""
    records, tree = folder / "records", place / "tree"
    records.mkdir(exist_ok=True)
    found = choosing.records(records, tree)
    failed = {file_of(test) for test, each in found.items() if not each["passed"]}
    known = {*map(file_of, found)} - failed  # what failed on a busy machine is run again
    tests = [
        path for room in sorted(rooms) for path in choosing.of_room(tree, room) if path not in known
    ]
    if not tests:
        return
    plugins = ["-p", "tests.mutation.recording", "-p", KEEPING]
    changed = {**variables(place, folder), RECORDS: str(records), "PYTHONPATH": str(tree)}
    command = running.pytest_command(tree, options.markers)
    print(f"{len(tests)} files of tests run without a mutant", flush=True)
    subprocess.run(
        [*command, "-n", str(options.jobs), *tests, *plugins],
        cwd=tree,
        env={**running.environment(), **changed},
        check=False,
        stdout=subprocess.DEVNULL,
    )
