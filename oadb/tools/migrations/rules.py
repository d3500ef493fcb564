"""Rules for migration scripts: refuses what yoyo would ignore, split wrongly or commit in part."""

import re
from collections.abc import Collection, Iterator
from difflib import get_close_matches
from itertools import chain

from oadb.engine.binding.statements import Problem
from oadb.tools.migrations.scripts import ATOMIC_BODY, Script, ScriptStep

_DIRECTIVE = re.compile(r"\s*--\s*(transactional|depends)\s*:\s*(.*?)\s*")
_NEARLY_DIRECTIVE = re.compile(
    r"[\s/*-]*([\w-]+)\s*(?:[:=]|\s(?=\s*(?:true|false|yes|no|on|off|[01]|\d{4}_\w+)\W*$))",
    re.IGNORECASE,
)
_DIRECTIVE_WORDS = ("transactional", "transaction", "depends", "dependencies")

_LOCK_TIMEOUT = re.compile(
    r"set\s+local\s+lock_timeout\s*(?:=|\bto\b)\s*(?:[1-9]\d*|'\s*[1-9]\d*\s*(?:ms|s|min)?\s*')\s*(;|$)",
    re.IGNORECASE,
)
_TRANSACTION = re.compile(
    r"\s*(begin|start\s+transaction|commit|end|rollback|abort|savepoint|release|prepare\s+transaction)\b",
    re.IGNORECASE,
)
_COPY_DATA = re.compile(r"\s*copy\b.*\bfrom\s+stdin\b", re.IGNORECASE | re.DOTALL)
_OUTSIDE_TRANSACTIONS = re.compile(
    r"\s*(create\s+(?:unique\s+)?index\s+concurrently|drop\s+index\s+concurrently"
    r"|reindex\b[^;]*\bconcurrently|alter\s+table\b[^;]*\bdetach\s+partition\b[^;]*\bconcurrently"
    r"|vacuum|alter\s+system|(?:create|drop)\s+(?:database|tablespace))\b",
    re.IGNORECASE,
)
_PUNCTUATION = re.compile("[();]")


def is_transactional(script: Script) -> bool:
    """Return whether yoyo runs *script* in a transaction."""
    return ("transactional", "false") not in _directives(script).values()


def dependencies(script: Script) -> tuple[str, ...]:
    """Return the ids that *script* says it depends on."""
    values = (value for name, value in _directives(script).values() if name == "depends")
    return tuple(word for value in values for word in value.split())


def without_dependencies(script: Script) -> str:
    """Return the text of *script* without its directive ``depends``."""
    left_out = {line for line, (name, _) in _directives(script).items() if name == "depends"}
    return "\n".join(line for n, line in enumerate(script.lines, 1) if n not in left_out)


def check_order(
    script: Script, earlier: Collection[str], previous: str | None
) -> Iterator[Problem]:
    """Check what a migration says about others.

    Args:
        earlier: the ids that it may depend on.
        previous: the id that it must depend on, that of the one before it; None: it is the first.

    Yields:
        Every problem.
    """
    known = _directives(script)
    for line, (name, value) in known.items():
        if any(name == other for at, (other, _) in known.items() if at < line):
            yield script.problem(line, f"a second {name} directive", "keep one of them")
        for unknown in value.split() if name == "depends" else ():
            if unknown not in earlier:
                yield script.problem(
                    line,
                    f"{unknown!r} is not an earlier migration",
                    "name earlier files of this folder, or files of another package, without .sql, "
                    "separated by spaces",
                )
    if previous is not None and previous not in dependencies(script):
        yield script.problem(
            1,
            f"the migration does not depend on {previous}, the one before it, so that the yoyo "
            "command could undo that one alone",
            f"begin the file with -- depends: {previous}; checksums do not count this line",
        )


def check(script: Script) -> Iterator[Problem]:
    """Check the text of a migration.

    Yields:
        Every problem.
    """
    yield from _check_directives(script)
    yield from _check_statements(script, transactional=is_transactional(script))


def check_rollback(script: Script, *, transactional: bool) -> Iterator[Problem]:
    """Check the rollback of a migration that is *transactional* or not.

    Yields:
        Every problem.
    """
    for line in _directive_lines(script):
        yield script.problem(
            line,
            "yoyo ignores directives in a rollback file",
            "remove it; the directives of the migration apply to its rollback too",
        )
    yield from _check_statements(script, transactional=transactional)


def _check_statements(script: Script, *, transactional: bool) -> Iterator[Problem]:
    yield from _check_tokens(script)
    yield from chain.from_iterable(_check_step(script, step) for step in script.yoyo_steps)
    yield from _check_splitting(script)
    if transactional:
        yield from _check_transactional(script)
    else:
        yield from _check_single_statement(script)


def _directives(script: Script) -> dict[int, tuple[str, str]]:
    """Return the directives that yoyo recognises, by line."""
    found = ((n, _DIRECTIVE.fullmatch(line)) for n, line in enumerate(script.lines, 1))
    return {n: (match[1], match[2]) for n, match in found if match and n <= script.head}


def _directive_lines(script: Script) -> Iterator[int]:
    """Yield every line of a comment that is a directive or resembles one."""
    for token in script.tokens:
        if token.kind == "comment":
            first = script.line(token.start)
            for number, line in enumerate(token.text.split("\n"), first):
                match = _NEARLY_DIRECTIVE.match(line)
                if match and get_close_matches(match[1].lower(), _DIRECTIVE_WORDS, cutoff=0.8):
                    yield number


def _check_directives(script: Script) -> Iterator[Problem]:
    known = _directives(script)
    for line in _directive_lines(script):
        if line > script.head:
            yield script.problem(
                line,
                "yoyo ignores directives after the first statement or block comment",
                "move it to the top of the file, among the -- lines",
            )
        elif line not in known:
            yield script.problem(
                line,
                "yoyo does not recognise this directive",
                "write -- transactional: false or -- depends: 0001_create_schema",
            )
    for line, (name, value) in known.items():
        if name == "transactional" and value not in {"true", "false"}:
            yield script.problem(line, f"transactional is {value!r}", "write true or false")


def _check_tokens(script: Script) -> Iterator[Problem]:
    for token in script.tokens:
        if token.kind == "unclosed":
            yield script.problem(
                script.line(token.start), "a quote or comment is not closed", "close it"
            )
        elif token.kind == "backslash":
            yield script.problem(
                script.line(token.start),
                "psql commands cannot run in a migration",
                "remove it; yoyo sends only SQL",
            )


def _check_step(script: Script, step: ScriptStep) -> Iterator[Problem]:
    control = _TRANSACTION.match(step.code)
    if control:
        yield script.problem(
            step.statement_line,
            f"{control[1]} would commit or undo a part of the migration",
            "remove it; yoyo runs the file in one transaction",
        )
    if _COPY_DATA.match(step.code):
        yield script.problem(
            step.statement_line,
            "yoyo cannot send copy from stdin, because its data is not SQL",
            "use insert, or load the data outside of migrations",
        )


def _check_splitting(script: Script) -> Iterator[Problem]:
    """Compare where yoyo's parser splits statements with the semicolons that PostgreSQL sees."""
    hint = "avoid nested comments, a backslash before a quote, and the operator #"
    for step in script.yoyo_steps[:-1]:
        if not step.code.rstrip().endswith(";"):
            end = step.line_at(len(step.sql) + 1)
            yield script.problem(end, "yoyo would split the statement here, before its end", hint)
    for step in script.yoyo_steps:
        place = _inner_semicolon(step.code)
        if place is not None:
            line = step.line_at(place + 1)
            yield script.problem(line, "yoyo would miss the end of a statement here", hint)


def _inner_semicolon(code: str) -> int | None:
    """Return the position of a semicolon that ends a statement before the end of *code*."""
    if ATOMIC_BODY.search(code):
        return None
    depth = 0
    for found in _PUNCTUATION.finditer(code.rstrip().removesuffix(";")):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if found[0] == ";" and depth == 0:
            return found.start()
    return None


def _check_transactional(script: Script) -> Iterator[Problem]:
    steps = script.yoyo_steps
    if not steps or not _LOCK_TIMEOUT.match(steps[0].statement):
        yield script.problem(
            steps[0].statement_line if steps else 1,
            "the first statement does not set lock_timeout",
            "begin with: set local lock_timeout = '4s';",
        )
    elif len(steps) == 1:
        yield script.problem(1, "the file changes nothing", "add the statements, or remove it")
    for step in steps:
        outside = _OUTSIDE_TRANSACTIONS.match(step.code)
        if outside:
            yield script.problem(
                step.statement_line,
                f"{' '.join(outside[1].split()).lower()} cannot run inside a transaction",
                "move it into a migration of its own that begins with -- transactional: false",
            )


def _check_single_statement(script: Script) -> Iterator[Problem]:
    """Require exactly one statement: if the second of two failed, the first would remain."""
    steps = script.yoyo_steps
    if len(steps) != 1:
        yield script.problem(
            steps[1].statement_line if steps else 1,
            f"{len(steps)} statements in a migration without a transaction; expected one",
            "write a migration for each; the connection sets lock_timeout",
        )
