"""The plans of a statement as text that a DBA reads in a diff, and that stays as it is.

    users.get
        O(log n), for any values, as oadb_app
        Index Scan users_pkey of oadb.users [rows ~1, cost ~8, O(log n)]
            user_id = :user_id
        10^4 rows: Seq Scan oadb.users

Rows and costs are rounded to one digit, and compared with a tolerance; partitions of a table, which
come and go with time, are shown by the one that has most rows.
"""

import re
from collections.abc import Iterator, Sequence

from oadb.tools.plans.growth import JudgedNode
from oadb.tools.plans.plan_outline import is_of_one_table, outline, title
from oadb.tools.plans.plan_tree import PlanNode
from oadb.tools.plans.sample_values import named_in
from oadb.tools.plans.scaled_plans import SCALES, ScaledPlan

# What PostgreSQL has worked out of a value or of the time.
_TIME = re.compile(r"'[^']*\d{4}-\d\d-\d\d[^']*'(::[a-z ]+(\[\])?)?")
_QUALIFIER = re.compile(r"\w+(?=\.)")
_NUMBERED = re.compile(r"\$(\d+)")
_SESSION = re.compile(r"current_setting\('([^']+)'[^)]*\)")
_NO_USER = r"\(NULLIF\(setting\(oadb\.user_id\), ''::text\)"
_WALLS = re.compile(
    rf"\(+[\w$\"]+\.user_id = {_NO_USER}\)::bigint\) OR {_NO_USER} IS NULL\)\)"
    rf"|CASE WHEN {_NO_USER} IS NULL\) THEN true ELSE oadb\.refuse_identity\(\) END"
)
_IDENTITY = re.compile(r"\(NULLIF\(setting\(oadb\.user_id\), ''::text\)\)::bigint")
_COLUMNS = re.compile(r"(?<![\w.:])[a-z_]\w*\.[a-z_]\w*(?![\w(])")
_BOUNDED = re.compile(r", O\((?:1|log n|k)\)\]$")
_SAMPLE = re.compile(r"~([\d.]+(?:e\d+)?)")

_TOLERANCE = 5.0
"""By how many times rows and costs may differ before a plan counts as another one."""


def block(plan: ScaledPlan, *, is_brief: bool = False) -> tuple[str, ...]:
    """Return the lines of a statement's plans, without its label.

    Args:
        is_brief: whether to show of conditions only the columns that an index is asked for.
    """
    roles = (plan, *plan.others)
    return *(line for each in roles for line in _lines(each, is_brief=is_brief)), *plan.beside


def _lines(plan: ScaledPlan, *, is_brief: bool) -> Iterator[str]:
    """Yield the lines of the plans as one role, and as those with the same."""
    how = "for any values" if plan.is_generic else "for the values of a call"
    who = ", ".join((plan.role or "the owner of the server", *plan.alike))
    shown = _Shown(plan, is_brief=is_brief)
    outlines = [" < ".join(outline(tree)) for tree in plan.trees]
    yield f"{plan.judged.growth}, {how}, as {who}"
    yield from shown.lines(plan.judged)
    for scale, found in zip(SCALES[1:], outlines[1:], strict=True):
        if found != outlines[0]:
            yield f"10^{len(str(scale)) - 1} rows: {found}"


def is_same(left: Sequence[str], right: Sequence[str]) -> bool:
    """Say whether two blocks are the same but for rows and costs that differ little."""
    if left == right:
        return True
    if without_numbers(left) != without_numbers(right):
        return False
    numbers = zip(_numbers(left), _numbers(right), strict=True)
    return all(max(a, b) <= _TOLERANCE * max(min(a, b), 1) for a, b in numbers)


def without_numbers(lines: Sequence[str]) -> tuple[str, ...]:
    """Return lines without what may differ; one row more makes O(k) of O(log n) in a node."""
    return tuple(_BOUNDED.sub("]", _SAMPLE.sub("~", line)) for line in lines)


def _numbers(lines: Sequence[str]) -> list[float]:
    return [float(each) for line in lines for each in _SAMPLE.findall(line)]


def without_times(text: str) -> str:
    """Return a condition without times, which are others whenever a statement is planned."""
    return _TIME.sub("a time", text)


class _Shown:
    """Shows the nodes of one plan."""

    def __init__(self, plan: ScaledPlan, *, is_brief: bool) -> None:
        self._is_brief = is_brief
        self._values, self._names = plan.values, plan.statement.statement.params
        self._partitions = plan.partitions
        # Of partitions, PostgreSQL makes aliases with numbers, which depend on how many there are.
        self._aliases = {
            node.alias: re.sub(r"_\d+$", "", node.alias)
            for tree in plan.trees
            for node in tree.walk()
            if node.partition is not None and node.alias is not None
        }

    def lines(self, judged: JudgedNode, depth: int = 0) -> Iterator[str]:
        """Yield the lines of a node and of those below it."""
        node, indent = judged.node, "    " * depth
        numbers = f"rows ~{_rounded(node.rows)}, cost ~{_rounded(node.total_cost)}"
        name = "" if node.subplan is None else f"{node.subplan}: "
        where = self._partitions_of(node)
        if is_of_one_table(node):
            judged = max(judged.parts, key=lambda part: part.node.rows)
        yield f"{indent}{name}{title(judged.node)}{where} [{numbers}, {judged.growth}]"
        for line in self._details(judged.node):
            yield f"{indent}    {line}"
        for part in judged.parts:
            yield from self.lines(part, depth + 1)

    def _partitions_of(self, node: PlanNode) -> str:
        """Return how many partitions a node reads, if it reads one table's."""
        if not is_of_one_table(node):
            return "" if node.partition is None else ", of some partitions"
        read = {each.partition for each in node.walk() if each.partition is not None}
        (table,) = node.tables
        share = "all" if len(read) == self._partitions.get(table) else "some"
        return f", {'merged from' if node.kind == 'Merge Append' else 'of'} {share} partitions"

    def _details(self, node: PlanNode) -> Iterator[str]:
        if self._is_brief:
            columns = sorted({*_COLUMNS.findall(self._readable(node.condition or ""))})
            if columns:
                yield f"on {', '.join(columns)}"
            return
        if node.condition is not None:
            yield self._readable(node.condition)
        if node.filter is not None:
            yield f"filter: {self._readable(node.filter)}"
        if node.keys:
            yield f"by {', '.join(self._readable(key) for key in node.keys)}"
        if node.arbiters:
            yield f"conflicts in {', '.join(node.arbiters)}"

    def _readable(self, text: str) -> str:
        """Return a condition with the names of parameters, and without numbers of partitions."""
        text = _NUMBERED.sub(self._named, named_in(text, self._values))
        text = without_times(text)
        text = _QUALIFIER.sub(lambda found: self._aliases.get(found[0], found[0]), text)
        text = _WALLS.sub("(row security)", _SESSION.sub(r"setting(\1)", text))
        text = " ".join(_IDENTITY.sub("the identity", text).split())
        return text[1:-1] if re.fullmatch(r"\([^()]*(\([^()]*\)[^()]*)*\)", text) else text

    def _named(self, found: re.Match[str]) -> str:
        number = int(found[1])
        return f":{self._names[number - 1]}" if 0 < number <= len(self._names) else found[0]


def _rounded(number: float) -> str:
    """Return a number with one digit: 8, 300, 2e6."""
    text = f"{max(number, 0):.0e}"
    digits, _, power = text.partition("e")
    return str(int(float(text))) if int(power) < 4 else f"{digits}e{int(power)}"
