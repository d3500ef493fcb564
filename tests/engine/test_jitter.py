"""Pauses are random in each process, and leave Python's shared generator to the program."""

import ast
import random
from pathlib import Path

import oadb
from oadb.engine.jitter import between


def test_a_program_that_seeds_its_generator_changes_no_pause_and_loses_no_number() -> None:
    random.seed(7)
    state = random.getstate()
    first = [between(1.0, 2.0) for _ in range(5)]
    assert random.getstate() == state
    random.seed(7)
    assert [between(1.0, 2.0) for _ in range(5)] != first
    assert all(1.0 <= each <= 2.0 for each in first)


def test_nothing_in_oadb_draws_from_the_shared_generator() -> None:
    folder = Path(oadb.__file__).parent
    names = {
        f"{path.relative_to(folder)}: {alias.name}"
        for path in folder.rglob("*.py")
        if "random" in (text := path.read_text())
        for node in ast.walk(ast.parse(text))
        for alias in _drawn(node)
    }
    assert names == set()


def _drawn(node: ast.AST) -> list[ast.alias]:
    """Return what is imported of random, except its classes."""
    if isinstance(node, ast.Import):
        return [each for each in node.names if each.name == "random"]
    if isinstance(node, ast.ImportFrom) and node.module == "random":
        return [each for each in node.names if each.name not in {"Random", "SystemRandom"}]
    return []
