"""Faults and invariants, and the tests that hold oadb to them: the tables of docs/faults.md.

    python -m tests.support.fault_table > docs/faults.md

A test names its faults, and the invariants that it asserts in them, with
``@pytest.mark.holds("F9", "I3")``. The files are parsed, not imported.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
_MARK = "pytest.mark.holds"

FAULTS = {
    "F1": "the server restarts while many connections are idle",
    "F2": "the server restarts, in order, under traffic",
    "F3": "the server restarts at once, without telling its clients",
    "F4": "one session crashes, and the server ends all others",
    "F5": "the whole server is killed and recovers",
    "F6": "sessions are terminated at random under traffic",
    "F7": "statements are cancelled by the server at random",
    "F8": "the server is down for long, under traffic",
    "F9": "the process of a session is stopped",
    "F10": "the process that accepts connections is stopped",
    "F11": "connections are closed by a proxy",
    "F12": "connections are reset by a proxy",
    "F13": "a proxy accepts, and passes nothing on",
    "F14": "a connection is cut before COMMIT arrives",
    "F15": "the answer to COMMIT is lost",
    "F16": "an answer is cut in its middle",
    "F17": "the network is slow",
    "F18": "packets vanish while a statement runs",
    "F19": "packets vanish while the pool is idle",
    "F20": "a client vanishes that holds a row lock",
    "F21": "a client vanishes during a long statement",
    "F22": "a client is killed in a transaction",
    "F23": "a client is killed inside of a COPY",
    "F24": "a process with queued log rows is killed",
    "F25": "a rotation, a migration, maintenance or a load is killed at a random point",
    "F26": "the server has no connections left",
    "F27": "slow statements use the whole pool",
    "F28": "a caller never returns a connection",
    "F29": "the disk of the data is full",
    "F30": "the disk of the write-ahead log is full",
    "F31": "the clock of the process jumps by a day",
    "F32": "the process is stopped for a while, and goes on",
    "F33": "the clocks of process and server disagree",
    "F34": "transactions deadlock",
    "F35": "serializable transactions collide",
    "F36": "a lock on a table is held for long",
    "F37": "a column is added while prepared statements are used",
    "F38": "a set of instruments is replaced under readers",
    "F39": "the primary fails, and a standby is promoted",
    "F40": "the old primary comes back",
    "F41": "the first of several hosts accepts, and never answers",
    "F42": "PgBouncer is in between, and the server behind it restarts",
    "F43": "PgBouncer is in between, and keeps no prepared statements",
    "F44": "the process forks with an open pool",
    "F45": "a call is interrupted or cancelled at any point",
    "F46": "the process ends without closing anything",
    "F47": "the key ring is wrong, missing, or replaced",
    "F48": "a sealed value was altered, swapped or cut",
    "F49": "a log row cannot be stored",
    "F50": "every text argument gets hostile texts",
    "F51": "a flood of sign-ins",
    "F52": "a replica lags behind",
    "F53": "the disk is slow",
    "F54": "the certificate of the server is wrong, or it offers no TLS",
}

INVARIANTS = {
    "I1": "no acknowledged write is lost",
    "I2": "nothing happens twice",
    "I3": "every call ends by its deadline",
    "I4": "services go on by themselves soon after the fault has ended",
    "I5": "no connection is lost: at rest none is in use, and all of them are idle",
    "I6": "no row of another user and no secret is shown",
    "I7": "callers get typed errors only, and no part of an answer",
}


def held() -> dict[str, list[str]]:
    """Return the tests that hold each fault and invariant, by its number."""
    found: dict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        text = file.read_text()
        # To parse all of them takes seconds.
        for test, fault in _marks(ast.parse(text)) if _MARK in text else ():
            found[fault].append(test)
    return found


def _marks(module: ast.Module) -> Iterator[tuple[str, str]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for mark in node.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == _MARK:
                    yield from ((node.name, ast.literal_eval(each)) for each in mark.args)


def document() -> str:
    """Return the text of docs/faults.md."""
    tests = held()
    lines = [
        "# Faults",
        "",
        "Each fault, and the tests in which it happens. What callers see is in",
        "[reliability.md](reliability.md). This page is made from the tests:",
        "`python -m tests.support.fault_table > docs/faults.md`.",
        "",
        "| | fault | tests |",
        *_rows(FAULTS, tests),
        "",
        "What holds in every fault, and the tests that assert it:",
        "",
        "| | invariant | tests |",
        *_rows(INVARIANTS, tests),
    ]
    return "\n".join(lines) + "\n"


def _rows(what: dict[str, str], tests: dict[str, list[str]]) -> Iterator[str]:
    yield "| --- | --- | --- |"
    for number, meaning in what.items():
        names = ", ".join(f"`{name}`" for name in tests.get(number, [])) or "none yet"
        yield f"| {number} | {meaning} | {names} |"


if __name__ == "__main__":
    print(document(), end="")
