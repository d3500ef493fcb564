"""The public API: the pinned list of its names, and the rules that all of them keep."""

import ast
import dataclasses
import inspect
import re
import types
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

import oadb
from oadb import UNSET, Page, Unset
from oadb.engine.binding.annotations import value_type
from oadb.engine.binding.declarations import Declaration
from oadb.engine.binding.operations import Operation
from oadb.engine.binding.pages import Limit
from oadb.engine.binding.queries import Query
from tests.support import public_api
from tests.support.each import for_each
from tests.support.public_api import PublicName

REPOSITORY = Path(oadb.__file__).parents[1]
NAMES = [*public_api.names()]
FUNCTIONS = {each.label: each for each in NAMES if each.is_function}
# Functions that take an executor: queries and operations.
CALLS = {
    label: each
    for label, each in FUNCTIONS.items()
    if "db" in inspect.signature(each.value).parameters
}
CLASSES = {each.label: each.value for each in NAMES if inspect.isclass(each.value)}

SUBJECTS = ("accounts", "bans", "changes", "logs", "market", "settings", "trading")

# Public functions of modules that services do not call: maintenance and what is shared in a room.
INTERNAL = {
    "accounts.disabling", "accounts.identity", "accounts.login_audit", "accounts.stored_passwords",
    "changes.following", "changes.snapshots", "logs.partitions",
    "logs.redaction", "logs.texts", "market.intake", "market.staging", "market.patterns",
}  # fmt: skip  # a list

# Lists that do not grow: at most a few rows, or bounded by what they are about.
SHORT_LISTS = {
    "oadb.accounts.broker_tokens.list_by_user": "one for each broker",
    "oadb.logs.analyzer_logs.count_by_facet": "bounded by the window",
    "oadb.logs.latency.list_brokers": "one for each broker",
    "oadb.logs.path_traffic.summarize": "one for each given prefix",
    "oadb.logs.rollups.list_backlog": "one for each table",
    "oadb.market.instruments.count_by_exchange": "one for each exchange",
    "oadb.market.instruments.list_by_broker_symbol": "the expiries of a month",
    "oadb.market.instruments.list_brokers": "one for each broker",
    "oadb.market.instruments.list_chain": "the strikes of one expiry",
    "oadb.market.instruments.list_exchanges": "one for each exchange",
    "oadb.market.instruments.list_future_expiries": "a few dozen days",
    "oadb.market.instruments.list_option_expiries": "a few dozen days",
    "oadb.market.instruments.list_strikes": "the strikes of one expiry",
    "oadb.market.instruments.list_underlyings": "the underlyings of one exchange",
    "oadb.market.loads.list_exchange_status": "one for each exchange",
    "oadb.settings.user_settings.list_by_user": "one for each declared key",
    "oadb.trading.pending_orders.count_by_status": "one for each status",
}  # fmt: skip  # a table


def parameters(each: PublicName) -> list[inspect.Parameter]:
    """Return the parameters behind db."""
    return [p for p in inspect.signature(each.value).parameters.values() if p.name != "db"]


def function_of(value: Any) -> Any:
    """Return the declared function of a query or an operation."""
    return value._function if isinstance(value, Declaration | Operation) else value


def hints(each: PublicName) -> dict[str, Any]:
    return get_type_hints(inspect.unwrap(function_of(each.value)), include_extras=True)


def alternatives(annotation: Any) -> tuple[Any, ...]:
    is_union = get_origin(annotation) in {Union, types.UnionType}
    return get_args(annotation) if is_union else (annotation,)


def inputs() -> Iterator[tuple[str, str, Any]]:
    """Yield every parameter, and every field of a dataclass that is a parameter."""
    for label, each in CALLS.items():
        for name, annotation in hints(each).items():
            if name in {"return", "db"}:
                continue
            yield label, name, annotation
            for part in alternatives(annotation):
                if inspect.isclass(part) and dataclasses.is_dataclass(part):
                    for field, kind in get_type_hints(part, include_extras=True).items():
                        yield f"{label}: {part.__name__}", field, kind


# The list ---------------------------------------------------------------------------------------


def test_the_public_names_are_those_of_the_list() -> None:
    listed = (REPOSITORY / "docs/api.txt").read_text()

    assert public_api.listing() == listed, "python -m tests.support.public_api > docs/api.txt"


def test_every_module_of_a_subject_says_what_is_public() -> None:
    declared = {
        name.removeprefix("oadb.")
        for name in public_api.modules()
        if name.partition(".")[2].startswith(SUBJECTS)
    }
    queried = {
        f"{path.parent.name}.{path.stem}"
        for path in (REPOSITORY / "sql/queries").rglob("*.sql")
        if path.parent.name in SUBJECTS
    }

    assert queried - declared - INTERNAL == {"trading.strategy_changes", "trading.strategy_kinds"}


@cache
def documented(module: str) -> frozenset[str]:
    """Return the names of a module that a text in the next line explains."""
    tree = ast.parse(Path(inspect.getsourcefile(import_module(module)) or "").read_text())
    found: set[str] = set()
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            targets = (
                statement.targets
                if isinstance(statement, ast.Assign)
                else [statement.target]
                if isinstance(statement, ast.AnnAssign)
                else []
            )
            found |= {
                node.id for each in targets for node in ast.walk(each) if isinstance(node, ast.Name)
            }
    return frozenset(found)


@for_each("each", NAMES, lambda each: each.label)
def test_help_has_a_sentence_for_every_public_name(each: PublicName) -> None:
    if each.is_function or inspect.isclass(each.value):
        text = inspect.getdoc(function_of(each.value)) or ""
        assert re.match(r"[A-Z].*?[.:]", text, re.DOTALL), each.label
        return
    sources = [each.module, *(m for m in public_api.homes(each))]
    assert any(each.name in documented(module) for module in sources), each.label


# Signatures -------------------------------------------------------------------------------------


@for_each("label", CALLS)
def test_options_times_flags_and_actors_are_keyword_only(label: str) -> None:
    each, annotations = CALLS[label], hints(CALLS[label])
    loose = [
        p.name
        for p in parameters(each)
        if p.kind is p.POSITIONAL_OR_KEYWORD
        and (
            p.default is not p.empty
            or {bool, datetime} & {*alternatives(annotations[p.name])}
            or p.name in {"by", "since", "until", "cursor", "limit"}
        )
    ]

    assert loose == []


@for_each("label", CALLS)
def test_two_ids_of_one_type_cannot_be_swapped(label: str) -> None:
    each, annotations = CALLS[label], hints(CALLS[label])
    ids = [
        str(annotations[p.name])
        for p in parameters(each)
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.name.endswith("_id")
    ]

    assert max(Counter(ids).values(), default=1) == 1


@for_each("label", CALLS)
def test_a_list_that_grows_is_a_page(label: str) -> None:
    each, returned = CALLS[label], hints(CALLS[label]).get("return")
    kinds = {p.name: p for p in parameters(each)}
    if get_origin(returned) is list and not {"pairs", "text"} & kinds.keys():
        assert label in SHORT_LISTS
    if get_origin(returned) is Page:
        assert kinds["cursor"].kind is kinds["limit"].kind is inspect.Parameter.KEYWORD_ONLY
        assert kinds["cursor"].default is None
        assert hints(each)["cursor"] == (str | None)
        assert hints(each)["limit"] is Limit
    assert not {"page_size", "before", "after", "before_at", "before_id"} & kinds.keys()


@for_each("label", CALLS)
def test_windows_are_since_and_until(label: str) -> None:
    for name, annotation in hints(CALLS[label]).items():
        if name in {"since", "until"}:
            assert {*alternatives(annotation)} <= {datetime, type(None)}
        assert name not in {"within_days", "hours", "days", "age"}


# Results ----------------------------------------------------------------------------------------


def is_false(kind: Any) -> bool:
    """Say whether every value of a type is false, or the type has a truth of its own."""
    return kind is type(None) or kind is bool or "__bool__" in vars(kind)


@pytest.mark.parametrize(
    "label",
    [label for label in CALLS if re.search(r"\.(verify|open|sign_in)(_|$)", label.lower())],
)
def test_an_answer_to_may_i_is_true_only_if_it_is_yes(label: str) -> None:
    returned = alternatives(hints(CALLS[label])["return"])

    assert any(map(is_false, returned)) or label == "oadb.settings.smtp_settings.open"


VERBS: dict[str, tuple[Any, ...]] = {
    "get": (object,),
    "put": (bool, int, int | None),
    "update": (bool,),
    "set": (bool, type(None)),
    "rename": (bool,),
    "revoke": (bool,),
    "delete": (bool, oadb.Affected, int),
    "count": (int,),
    "record": (type(None), bool),
}


@for_each("label", CALLS)
def test_a_verb_has_one_kind_of_result(label: str) -> None:
    each, returned = CALLS[label], hints(CALLS[label])["return"]
    verb = each.name.partition("_")[0]
    if verb == "find":
        assert type(None) in alternatives(returned), "find returns None if there is none"
    if verb in {"update", "rename", "revoke"}:
        assert returned is bool
    if verb == "set":
        assert returned in {bool, type(None)}
    if verb == "create":
        assert inspect.isclass(get_origin(returned) or returned)
        assert dataclasses.is_dataclass(get_origin(returned) or returned)
    if verb == "delete":
        assert (
            returned is (oadb.Affected if isinstance(each.value, Query) else bool)
            or returned is int
        )
    if verb == "record":
        assert returned in {bool, type(None)}


@pytest.mark.parametrize("label", [label for label in CALLS if re.search(r"\.update(_|$)", label)])
def test_a_partial_update_leaves_what_is_not_given(label: str) -> None:
    each = CALLS[label]
    fields = [
        p for p in parameters(each) if p.kind is p.KEYWORD_ONLY and p.name not in {"by", "keep"}
    ]

    assert fields
    for field in fields:
        assert field.default is UNSET
        assert Unset in alternatives(hints(each)[field.name])


@for_each("label", CALLS)
def test_the_actor_is_by_and_must_be_named(label: str) -> None:
    for p in parameters(CALLS[label]):
        assert not re.fullmatch(r"(changed|decided|created|banned)_by|actor|author", p.name)
        if p.name == "by":
            assert p.kind is p.KEYWORD_ONLY
            assert p.default in {p.empty, UNSET}


# Values -----------------------------------------------------------------------------------------

RULED = (
    "ip",
    "network",
    "time_zone",
    "limit",
    "older_than",
    "lifetime",
    "idle_timeout",
    "duration",
)
SAYS_ITS_UNIT = re.compile(".*_ms|(.*_)?seconds")
# Shares, and the monotonic time of an event.
FREE_FLOATS = {"max_removed", "max_rejected", "max_vanished", "started"}


def test_addresses_time_zones_and_durations_have_a_rule() -> None:
    unruled = {
        (label, name)
        for label, name, annotation in inputs()
        if name in RULED and "Session" not in label and label != "oadb.market.search.search"
        if (kind := value_type(annotation)) is not None and kind.rule is None
    }

    assert unruled == set()


def test_every_duration_is_bounded() -> None:
    rules = {
        (label, name): kind.rule
        for label, name, annotation in inputs()
        if (kind := value_type(annotation)) is not None and kind.python is timedelta
    }

    assert len(rules) > 5
    for rule in rules.values():
        assert rule is not None
        with pytest.raises(ValueError, match=r"\d"):
            rule.check(timedelta.max)


def test_a_duration_is_a_timedelta_and_a_float_says_its_unit() -> None:
    named = {
        (label, name)
        for label, name, annotation in inputs()
        for part in alternatives(annotation)
        if part is float and not SAYS_ITS_UNIT.fullmatch(name) and name not in FREE_FLOATS
    }
    fields = {
        (label, field.name)
        for label, kind in CLASSES.items()
        if dataclasses.is_dataclass(kind)
        for field in dataclasses.fields(kind)
        if float in alternatives(get_type_hints(kind)[field.name])
        and not (SAYS_ITS_UNIT.fullmatch(field.name) or field.name in FREE_FLOATS)
    }
    numbers = {
        (label, name)
        for label, name, annotation in inputs()
        if int in alternatives(annotation) and re.search("hours|minutes|seconds|days", name)
    }

    assert named | fields | numbers == set()


def test_a_wait_is_returned_as_a_duration() -> None:
    for label, kind in CLASSES.items():
        if dataclasses.is_dataclass(kind) and not issubclass(kind, Enum):
            for name, annotation in get_type_hints(kind).items():
                if name == "wait":
                    assert annotation is timedelta, label


# Classes and writes -----------------------------------------------------------------------------


def test_no_two_public_classes_share_a_name() -> None:
    homes = {(kind.__name__, kind.__module__) for kind in CLASSES.values()}

    assert [name for name, count in Counter(name for name, _ in homes).items() if count > 1] == []


def test_rows_are_frozen_dataclasses_with_slots() -> None:
    for label, kind in CLASSES.items():
        if dataclasses.is_dataclass(kind):
            assert kind.__dataclass_params__.frozen, label  # type: ignore[attr-defined]  # of dataclasses
            assert "__slots__" in vars(kind), label


def test_an_input_names_its_fields() -> None:
    for label in ("api_logs.Call", "analyzer_logs.Analysis", "traffic.Request", "latency.Timing"):
        kind = CLASSES[f"oadb.logs.{label}"]
        assert all(field.kw_only for field in dataclasses.fields(kind)), label


UNCACHED = {
    "login_attempts.delete_old", "deleted_users.erase", "user_settings.delete_old_changes",
    "app_settings.delete_old_changes", "one_time_tokens.delete_expired", "trackers.delete_expired",
}  # fmt: skip  # a list
# What a public query, run by itself, may write: nothing that another process may have cached.
UNANNOUNCED = dict.fromkeys(UNCACHED, "audits and counters are not cached") | {
    "broker_tokens.retire_expired": "they had expired",
    "loads.delete_old": "the last load of each broker stays",
    "pending_orders.delete_old": "orders of years ago wait for nobody",
    "ip_bans.delete_expired": "expired bans have no effect",
}


def test_what_others_may_have_cached_is_written_by_operations_that_announce_it() -> None:
    declared = (each.value for each in CALLS.values() if isinstance(each.value, Declaration))
    written = {each.label for each in declared if not each.is_read and not each.is_copy}

    assert written == set(UNANNOUNCED)
