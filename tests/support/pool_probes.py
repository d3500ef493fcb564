"""Statements for the tests of the pool, and their tables."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from oadb.engine.binding.queries import Queries, Query
from oadb.engine.binding.results import Affected
from oadb.engine.binding.statements import parse

TABLES = """
create table public.probe (
    probe_id integer primary key,
    note text not null,
    amount integer not null default 0
);
create table public.child (
    probe_id integer not null
        constraint child_probe_fkey references public.probe deferrable initially deferred
);
"""

_SQL = """
-- name: one
select 1 as one;

-- name: echo
select cast(:number as bigint) as number;

-- name: pause
select 1 as done from pg_sleep(:seconds);

-- name: backend
select pg_backend_pid() as pid;

-- name: server_address
select host(inet_server_addr()) as address;

-- name: setting
select current_setting(:name) as value;

-- name: guarded_setting
-- timeout: 7 s
select current_setting(:name) as value;

-- name: prepared
select statement from pg_prepared_statements order by statement;

-- name: divide
select 100 / cast(:number as integer) as quotient;

-- name: get
select
probe_id,
note,
amount
from public.probe
where probe_id = :probe_id;

-- name: notes
select note from public.probe order by probe_id;

-- name: ids
select probe_id from public.probe order by probe_id;

-- name: count_all
select count(*) as rows from public.probe;

-- name: put
insert into public.probe (probe_id, note) values (:probe_id, :note);

-- name: put_slowly
insert into public.probe (probe_id, note)
select
:probe_id,
'slow'
from pg_sleep(:seconds);

-- name: amount
select amount from public.probe where probe_id = :probe_id;

-- name: set_amount
update public.probe set amount = :amount where probe_id = :probe_id;

-- name: bump
update public.probe set amount = amount + 1 where probe_id = :probe_id returning amount;

-- name: refer
insert into public.child (probe_id) values (:probe_id);

-- name: numbers
select n from generate_series(1, cast(:top as integer)) as n;

-- name: load
copy public.probe (probe_id, note) from stdin;

-- name: dump
copy (select n from generate_series(1, 20000) as n) to stdout;
"""

query = Queries("probe", parse(_SQL, "probe", "probe.sql"))


@dataclass(frozen=True, slots=True)
class Probe:
    """A row of public.probe."""

    probe_id: int
    note: str
    amount: int


@query
def one() -> int: ...


@query
def echo(number: int | None) -> int | None: ...


@query
def pause(seconds: float) -> int: ...


@query
def backend() -> int: ...


@query
def server_address() -> str: ...


@query
def setting(name: str) -> str: ...


@query
def guarded_setting(name: str) -> str: ...


@query
def prepared() -> list[str]: ...


@query
def divide(number: int) -> int: ...


@query
def get(probe_id: int) -> Probe | None: ...


@query
def notes() -> list[str]: ...


@query
def ids() -> list[int]: ...


@query
def count_all() -> int: ...


@query
def put(probe_id: int, note: str) -> Affected: ...


@query
def put_slowly(probe_id: int, seconds: float) -> Affected: ...


@query
def amount(probe_id: int) -> int: ...


@query
def set_amount(probe_id: int, amount: int) -> Affected: ...


@query
def bump(probe_id: int) -> int: ...


@query
def refer(probe_id: int) -> Affected: ...


@query
def numbers(top: int) -> Iterator[int]: ...


@query
def load(rows: Iterable[tuple[int, str]]) -> Affected: ...


@query
def dump() -> Iterator[bytes]: ...


query.complete()


def many(count: int) -> list[Query[[], int]]:
    """Declare *count* different queries; the query number n returns n."""
    text = "\n".join(f"-- name: number_{n}\nselect {n} as number;" for n in range(count))
    declare = Queries("many", parse(text, "many", "many.sql"))
    declared: list[Query[[], int]] = []
    for n in range(count):

        def number() -> int: ...

        number.__name__ = f"number_{n}"
        declared.append(declare(number))
    declare.complete()
    return declared
