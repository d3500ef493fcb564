"""SQL on one line, for lists of statements that are read, copied and run."""

from oadb.engine.binding.lexer import Token, tokens

_ESCAPES = str.maketrans({"\\": "\\\\", "'": "''", "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def flat(sql: str) -> str:
    """Return a statement on one line that does the same: what it quotes keeps its lines."""
    return "".join(_flat(token) for token in tokens(sql.strip()))


def _flat(token: Token) -> str:
    if token.kind in {"space", "comment"}:
        return " "
    if token.kind != "string" or "\n" not in token.text:
        return token.text
    if token.text.startswith("$"):
        tag = token.text[: token.text.index("$", 1) + 1]
        return quoted(token.text.removeprefix(tag).removesuffix(tag))
    if token.text.startswith("'"):
        return quoted(token.text[1:-1].replace("''", "'"))
    return token.text.replace("\n", "\\n") if token.text[0] in "eE" else token.text


def quoted(text: str) -> str:
    """Return a text as a literal of SQL without line breaks."""
    escaped = text.translate(_ESCAPES)
    return f"E'{escaped}'" if "\\" in escaped else f"'{escaped}'"


def shortened(text: str, start: int = 0, most: int = 110) -> str:
    """Return at most *most* characters of a text on one line, from about *start* on."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    first = line.rfind(" ", 0, start) + 1 if start else 0
    end = first + most
    before, after = "... " if first else "", " ..." if end < len(line) else ""
    return f"{before}{line[first:end].rstrip()}{after}"


def parted(one: str, other: str) -> tuple[str, str]:
    """Return two different texts, each on a line, around the place where they part."""
    first, second = (" ".join(text.split()) for text in (one, other))
    pairs = enumerate(zip(first, second, strict=False))
    place = next((n for n, (a, b) in pairs if a != b), min(len(first), len(second)))
    start = max(0, place - 40)
    return shortened(first, start), shortened(second, start)
