"""The queries within a statement: which clause a word is in, and which tables each one names.

A block is the statement itself, the body of a CTE, or a subquery. It is found by parentheses and
by the word behind them, which is enough to know the clauses of valid SQL.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from oadb.engine.binding.lexer import Token

_SILENT = frozenset({"space", "comment"})
_BEGINS = frozenset({"select", "with", "insert", "update", "delete", "values", "merge"})
_COMMANDS = _BEGINS - {"with"}
_BEFORE_CTE = frozenset({"as", "materialized"})

# What may begin behind another clause of an update, a delete or an insert.
_CLAUSES = frozenset({"set", "from", "using", "where", "returning", "values", "conflict"})

_TYPES = frozenset(
    {
        "interval", "as", "bigint", "integer", "text", "uuid", "timestamptz", "inet", "numeric",
        "double", "precision", "boolean", "bytea", "jsonb", "null", "true", "false", "epoch",
    }
)  # fmt: skip  # a list


@dataclass(frozen=True, slots=True)
class QueryBlock:
    """A query of a statement, by the numbers of its tokens.

    Attributes:
        command: ``select``, ``insert``, ``update``, ``delete``, ``values`` or ``merge``.
        start, end: Its first token, and the one behind its last.
        level: Those in no parentheses of it.
        own: Those in no query within it.
        reach: Those in no CTE of it.
        is_cte: Whether it is the body of a CTE.
    """

    command: str
    start: int
    end: int
    level: tuple[int, ...]
    own: tuple[int, ...]
    reach: tuple[int, ...]
    is_cte: bool


class SqlText:
    """A statement: the texts of its tokens, words in lower case, and their kinds."""

    def __init__(self, tokens: Iterable[Token]) -> None:
        code = [each for each in tokens if each.kind not in _SILENT and each.kind != "semicolon"]
        self.texts = [each.text.lower() if each.kind == "word" else each.text for each in code]
        self.kinds = [each.kind for each in code]
        self._closing: dict[int, int] = {}
        self._opening: list[int] = []
        self._match()
        self._names = {
            n - 1: "".join(self.texts[n - 1 : n + 2])
            for n in range(1, len(self.texts) - 1)
            if self.texts[n] == "."
        }
        inner = (n + 1 for n, text in enumerate(self.texts[:-1]) if text == "(")
        self._inner = [n for n in inner if self.texts[n] in _BEGINS]

    @cached_property
    def blocks(self) -> list[QueryBlock]:
        """The queries, the statement itself first."""
        return [self._block(start) for start in (0, *self._inner)]

    def _match(self) -> None:
        """Note which parenthesis each token is in, -1 for none, and where each one ends."""
        open_ = [-1]
        for number, text in enumerate(self.texts):
            if text == ")" and len(open_) > 1:
                self._closing[open_.pop()] = number
            self._opening.append(open_[-1])
            if text == "(":
                open_.append(number)
        self._closing |= dict.fromkeys(open_, len(self.texts))

    def _block(self, start: int) -> QueryBlock:
        opening = start - 1
        end = self._closing[opening]
        queries = [n for n in self._inner if start < n < end]
        ctes = [n for n in queries if self.texts[n - 2] in _BEFORE_CTE]
        own = self._without(start, end, queries)
        level = tuple(n for n in own if self._opening[n] == opening)
        command = next((self.texts[n] for n in level if self.texts[n] in _COMMANDS), "")
        is_cte = start > 1 and self.texts[start - 2] in _BEFORE_CTE
        reach = self._without(start, end, ctes)
        return QueryBlock(command, start, end, level, own, reach, is_cte)

    def _without(self, start: int, end: int, queries: Iterable[int]) -> tuple[int, ...]:
        left_out = {n for query in queries for n in range(query, self._closing[query - 1])}
        return tuple(n for n in range(start, end) if n not in left_out)

    def at(self, number: int, *texts: str) -> bool:
        """Return whether these texts stand from a token on; without any, whether there is one."""
        if not texts:
            return number < len(self.texts)
        return self.texts[number : number + len(texts)] == [*texts]

    def clause(self, block: QueryBlock, word: str) -> range:
        """Return the tokens of a clause; of an insert, ``set`` is that of its conflict."""
        begins = [n for n in block.level if self.texts[n] in _CLAUSES]
        begin = next((n for n in begins if self.texts[n] == word), None)
        if begin is None:
            return range(0)
        return range(begin, next((n for n in begins if n > begin), block.end))

    def target(self, block: QueryBlock) -> str:
        """Return the table that a block changes, with its schema; empty for none."""
        before = {"insert": "into", "update": "update", "delete": "from", "merge": "into"}
        word = before.get(block.command)
        first = next((n for n in block.level if self.texts[n] == word), None)
        return "" if first is None else self.qualified(first + 1)

    def qualified(self, number: int) -> str:
        """Return the name with a schema that begins at a token; empty: none does."""
        return self._names.get(number, "")

    def names(self, numbers: Iterable[int]) -> Iterator[tuple[int, str]]:
        """Yield the names with a schema, with the token that each begins at."""
        for number in numbers:
            if number in self._names:
                yield number, self._names[number]

    def group(self, number: int) -> range:
        """Return the tokens in the parentheses that open at a token."""
        return range(number + 1, self._closing.get(number, number + 1))

    def choices(self, numbers: Iterable[int]) -> Iterator[range]:
        """Yield what is in each CASE and COALESCE."""
        for number in numbers:
            if self.at(number, "coalesce", "("):
                yield self.group(number + 1)
            elif self.at(number, "case"):
                yield range(number, self._end_of_case(number))

    def _end_of_case(self, number: int) -> int:
        depth = 0
        for end in range(number, len(self.texts)):
            depth += {"case": 1, "end": -1}.get(self.texts[end], 0)
            if depth == 0:
                return end
        return len(self.texts)

    def has_column(self, numbers: Iterable[int]) -> bool:
        """Return whether there is a word that is neither a type nor the name of a function."""
        return any(
            self.kinds[n] in {"word", "quoted"}
            and self.texts[n] not in _TYPES
            and not self.at(n + 1, "(")
            and not self.at(n + 1, ".")
            for n in numbers
        )
