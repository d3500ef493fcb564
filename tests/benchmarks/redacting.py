"""The cost of redaction: of an order with its answer, and of a MB of texts of several kinds."""

import json
import os
from collections.abc import Callable, Sequence
from functools import partial
from time import thread_time

from oadb.logs.redaction import Redaction
from tests.benchmarks import conditions
from tests.benchmarks.log_writing import ANSWER, ORDER
from tests.support.credential_names import NAMES

ROUNDS = int(os.environ.get("OADB_BENCH_ROUNDS", "15"))
ORDERS, MEGABYTE, LENGTH = 1000, 2**20, 2000

WORDS = "the order was refused because of insufficient funds in the account"

KINDS: dict[str, Sequence[str]] = {
    "words": WORDS.split(),
    "names of credentials": NAMES,
    "orders as JSON": [json.dumps(ORDER)],
    "orders as a repr": [repr(ORDER)],
    "names of credentials, with values": [f"{name}=x&" for name in NAMES],
    "names that are kept, with values": ["price=812 "],
    "paths": ["/api/v1/quotes"],
}


def main() -> None:
    print("\n## Redaction")
    redaction = Redaction()
    print(f"\nBest of {ROUNDS}, in the time of one thread.")
    spent = best(partial(_redact_orders, redaction)) / ORDERS * 1e6
    conditions.table(("what", "time"), [["an order with its answer", f"{spent:.1f} us"]])
    conditions.table(
        ("a MB of", "as a text, ms", "as an error, ms"),
        [[kind, *_spent(redaction, texts_of(parts))] for kind, parts in KINDS.items()],
    )


def _spent(redaction: Redaction, texts: Sequence[str]) -> list[str]:
    hiding = (redaction.text, redaction.error)
    return [f"{best(partial(_redact, hide, texts)) * 1e3:.0f}" for hide in hiding]


def texts_of(parts: Sequence[str]) -> list[str]:
    """Return a MB of different texts, so that none is found in the cache."""
    once = "".join(f"{part} " for part in parts)
    text = once * (MEGABYTE // len(once) + 1)
    return [f"{at} {text[at : at + LENGTH]}" for at in range(0, MEGABYTE, LENGTH)]


def best(work: Callable[[], None]) -> float:
    """Return the least time of several runs, in seconds: others are disturbed."""

    def once() -> float:
        started = thread_time()
        work()
        return thread_time() - started

    return min(once() for _ in range(ROUNDS))


def _redact(hide: Callable[[str], str], texts: Sequence[str]) -> None:
    for text in texts:
        hide(text)


def _redact_orders(redaction: Redaction) -> None:
    for _ in range(ORDERS):
        redaction.body(ORDER)
        redaction.body(ANSWER)
