"""A violated constraint is an error of oadb that names the field, the limit and what to do."""

# mypy: disable-error-code="empty-body"

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from oadb import Affected, Database
from oadb.accounts import users
from oadb.engine.binding.constraint_words import FILE, derived_field, read, without_shard, words_of
from oadb.engine.binding.packages import Package, find
from oadb.engine.executors import Executor
from oadb.errors import ConflictError, DeclarationError, ParameterError
from oadb.integrations.error_map import problem_of
from oadb.tools.contract.constraint_check import compare_words
from tests.conftest import configured
from tests.engine.binding.probes import probes
from tests.support.each import for_each
from tests.support.error_texts import error_texts

HIDDEN = "hunter2"

SETUP = """
create schema probe;
create domain probe.rating as integer constraint rating_range check (value between 1 and 5);
create extension if not exists btree_gist;
create table probe.rooms (
    room_id integer primary key,
    name text not null constraint rooms_name_check check (length(name) <= 5),
    stars probe.rating,
    days daterange,
    next_to integer references probe.rooms,
    constraint rooms_days_excl exclude using gist (days with &&)
);
create unique index unique_stars on probe.rooms (room_id, stars);
create function probe.refuse(state text, schema text, place text, name text) returns void
language plpgsql as $$
begin
    raise exception using errcode = state, schema = $2, table = $3, constraint = $4,
    message = 'a rule of the service', detail = 'hunter2', hint = 'hunter2';
end
$$;
"""

query = probes("""
-- name: refuse
select probe.refuse(:state, :schema, :place, :name) is null as done;

-- name: add
insert into probe.rooms (
    room_id,
    name,
    stars,
    days,
    next_to
)
values (
    :room_id,
    :name,
    :stars,
    :days::text::daterange,
    :next_to
);

-- name: remove
delete from probe.rooms
where room_id = :room_id;

-- name: set_name
update probe.rooms
set name = case when :name <> '' then :name end;
""")


@query
def refuse(state: str, schema: str, place: str, name: str) -> bool: ...


@query
def add(
    room_id: int, name: str, *, stars: int = 3, days: str = "empty", next_to: int | None = None
) -> Affected: ...


@query
def remove(room_id: int) -> Affected: ...


@query
def set_name(name: str) -> Affected: ...


query.complete()


@pytest.fixture(scope="module")
def db(url: str) -> Iterator[Database]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SETUP)
    with Database(configured(url)) as db:
        add(db, 1, "one", days="[2026-01-01,2026-02-01)")
        add(db, 2, "two", next_to=1)
        yield db


def refusal(state: str, schema: str, place: str, name: str, db: Database) -> Exception:
    with pytest.raises((ParameterError, ConflictError)) as refused:
        refuse(db, state, schema, place, name)
    return refused.value


def constraints(url: str) -> list[tuple[str, str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "select conrelid::regclass::text, conname, contype::text from pg_constraint "
            "join pg_class on pg_class.oid = conrelid where not relispartition "
            "and connamespace = 'oadb'::regnamespace and contype in ('c', 'p', 'u', 'f') "
            "union all select indrelid::regclass::text, indexrelid::regclass::text, 'u' "
            "from pg_index join pg_class on pg_class.oid = indrelid where indisunique "
            "and not indisprimary and not relispartition "
            "and relnamespace = 'oadb'::regnamespace"
        ).fetchall()


STATES = {"c": "23514", "p": "23505", "u": "23505", "f": "23503"}


def test_every_constraint_of_the_schema_says_field_and_limit(db: Database, url: str) -> None:
    found = constraints(url)
    assert len(found) > 200
    for shown, long_name, kind in found:
        table, name = shown.removeprefix("oadb."), long_name.removeprefix("oadb.")
        for shard in ("", "_102008"):
            error = refusal(STATES[kind], "oadb", table + shard, name + shard, db)
            assert isinstance(error, ParameterError if kind == "c" else ConflictError)
            assert isinstance(error, psycopg.IntegrityError)
            assert (error.constraint, error.sqlstate) == (name, STATES[kind])
            assert error.field, name
            assert HIDDEN not in f"{error!r} {vars(error)}"
            if kind == "f":  # its field is in its name, and the sentence that of all of them
                continue
            assert error.limit, name
            said = f"probe.refuse: {error.field} must be {error.limit}"
            assert str(error).startswith(said), name
            assert str(error).endswith(f" ({name})")


def test_the_words_of_oadb_agree_with_its_schema(db: Database) -> None:
    assert [*compare_words(db, find("oadb"))] == []


ALLOWED, TAKEN = "a value that this constraint allows", "; another row has this value, choose"
REFERS = "that of an existing row; or rows still refer to the one that was to be deleted or changed"

CALLS: dict[str, tuple[Callable[[Executor], object], type[Exception], str, str]] = {
    "check": (
        lambda db: add(db, 3, HIDDEN), ParameterError,
        f"name must be {ALLOWED}", "rooms_name_check",
    ),
    "domain": (
        lambda db: add(db, 3, "three", stars=9), ParameterError,
        f"rating must be {ALLOWED}", "rating_range",
    ),
    "null": (
        lambda db: set_name(db, ""), ParameterError, "name must be given, and not null", "",
    ),
    "key": (
        lambda db: add(db, 1, "again"), ConflictError,
        f"the primary key must be unique{TAKEN} another one", "rooms_pkey",
    ),
    "exclusion": (
        lambda db: add(db, 3, "three", days="[2026-01-15,2026-03-01)"), ConflictError,
        "days must be free; another row excludes this value, choose another one",
        "rooms_days_excl",
    ),
    "reference": (
        lambda db: add(db, 3, "three", next_to=77), ConflictError,
        f"next_to must be {REFERS}", "rooms_next_to_fkey",
    ),
    "row in use": (
        lambda db: remove(db, 1), ConflictError,
        f"next_to must be {REFERS}", "rooms_next_to_fkey",
    ),
}  # fmt: skip  # a table


@for_each("what", [*CALLS])
def test_without_words_the_field_is_in_the_name(db: Database, what: str) -> None:
    call, kind, said, constraint = CALLS[what]
    with pytest.raises(kind) as alone:
        call(db)
    with pytest.raises(kind) as together, db.transaction() as tx:
        call(tx)

    shown = f" ({constraint})" if constraint else ""
    assert str(alone.value).partition(": ")[2] == f"{said}{shown}"
    assert str(together.value) == str(alone.value)
    assert HIDDEN not in error_texts(alone.value)


def test_an_address_a_name_and_a_length_are_named(db: Database) -> None:
    with pytest.raises(ParameterError) as address:
        users.create(db, "asha", "no address")
    with pytest.raises(ParameterError) as name:
        users.create(db, "a name", "asha@example.in")
    with pytest.raises(ParameterError) as length:
        users.create(db, "asha", "asha@example.in", first_name="x" * 201)
    users.create(db, "asha", "asha@example.in")
    with pytest.raises(ConflictError) as taken:
        users.create(db, "other", "ASHA@example.in")

    found: list[ParameterError | ConflictError] = [address.value, name.value, length.value]
    found.append(taken.value)
    assert [each.field for each in found] == ["email", "username", "first_name", "email"]
    assert length.value.limit == "1 to 200 characters"
    assert "example" not in "".join(map(str, found))


def test_a_web_client_is_told_the_field(db: Database) -> None:
    with pytest.raises(ParameterError) as invalid:
        add(db, 3, HIDDEN)
    with pytest.raises(ConflictError) as taken:
        add(db, 1, "again")
    with pytest.raises(ParameterError) as wrong_type:
        users.get(db, "x")  # type: ignore[call-overload]  # must fail

    problems = [problem_of(each.value, {}) for each in (invalid, taken, wrong_type)]
    assert [(p.status, p.field, p.constraint) for p in problems if p] == [
        (422, "name", "rooms_name_check"),
        (409, "", "rooms_pkey"),
        (422, "user_id", ""),
    ]


def test_it_is_pickled_with_its_field_for_another_process(db: Database) -> None:
    with pytest.raises(ParameterError) as refused:
        add(db, 3, HIDDEN)
    error = pickle.loads(pickle.dumps(refused.value))

    assert (error.field, error.constraint) == ("name", "rooms_name_check")
    assert str(error) == str(refused.value)


def test_what_a_trigger_says_of_a_constraint_of_its_own_stays(db: Database) -> None:
    error = refusal("23514", "probe", "rooms", "rooms_weekday_check", db)

    assert str(error) == "probe.refuse: a rule of the service"
    assert isinstance(error, ParameterError)
    assert (error.field, error.constraint) == ("weekday", "rooms_weekday_check")


def test_what_names_no_constraint_stays_an_error_of_psycopg(db: Database) -> None:
    with pytest.raises(errors.CheckViolation) as refused:
        refuse(db, "23514", "", "", "")

    assert type(refused.value) is errors.CheckViolation


def test_names_of_shards_are_those_of_their_tables() -> None:
    assert without_shard("orders_102008", "orders_price_check_102008") == "orders_price_check"
    assert without_shard("orders_2026", "orders_2026_check") == "orders_2026_check"
    assert without_shard("orders", "orders_price_check") == "orders_price_check"


def test_a_name_that_is_made_otherwise_is_shown_whole() -> None:
    assert derived_field("orders", "orders_price_check1") == "price"
    assert derived_field("orders", "must_be_cheap") == "must_be_cheap"
    assert words_of("none", "orders", "orders_check").field == "orders_check"


# The file of a service -------------------------------------------------------------------------


def package(folder: Path, text: str) -> Package:
    (folder / FILE).write_text(text)
    return Package("probe", folder, "sql")


def test_a_file_is_compared_with_the_database(db: Database, tmp_path: Path) -> None:
    found = compare_words(
        db, package(tmp_path, '[probe.rooms]\nrooms_gone_check = { name = "short" }\n')
    )
    text = "\n".join(found)

    assert "sql/constraints.toml: [probe.rooms] rooms_gone_check is no constraint" in text
    for name in ("rooms_name_check", "rating_range", "unique_stars"):
        assert f"has no line for {name}; add" in text
    assert "rooms_next_to_fkey" not in text
    assert "rooms_pkey" not in text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[probe", "sql/constraints.toml: "),
        ("probe = 1", "sql/constraints.toml: probe must be in a table: [schema.table]"),
        ("[probe]\nrooms = 1", "sql/constraints.toml: probe.rooms must be in a table"),
        ("[probe.rooms]\nx = 1", "sql/constraints.toml: [probe.rooms] x must be a field and"),
        ('[probe.rooms]\nx = { a = "" }', "sql/constraints.toml: [probe.rooms] x must be"),
        ('[probe.rooms]\nx = { a = "b", c = "d" }', "sql/constraints.toml: [probe.rooms] x must"),
    ],
)
def test_a_file_that_is_not_valid_is_reported(
    db: Database, tmp_path: Path, text: str, said: str
) -> None:
    given = package(tmp_path, text)
    with pytest.raises(DeclarationError) as refused:
        read(given)

    assert str(refused.value).startswith(said)
    assert [*compare_words(db, given)] == [str(refused.value)]
