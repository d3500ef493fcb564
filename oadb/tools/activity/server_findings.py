"""Checks of the server's settings: those that lose data, and those that fit this load badly."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from oadb.engine.binding.queries import queries
from oadb.engine.executors import Runner
from oadb.tools import managed_servers
from oadb.tools.findings import Check, Finding, judged

query = queries(__name__)

THROWAWAY = "throwaway"
"""The cluster_name of a server that may lose its data, such as one of tests."""

# What each setting must not be, and what that does.
_LOSING = {
    ("fsync", "off"): "a crash of the machine destroys the database",
    ("full_page_writes", "off"): "a crash of the machine may destroy pages",
    ("synchronous_commit", "off"): "a crash loses the last commits, which services took for done",
    ("zero_damaged_pages", "on"): "damaged pages are emptied and their rows lost",
    ("ignore_checksum_failure", "on"): "damaged pages are read as if they were right",
    ("wal_level", "minimal"): "no standby and no restore to a point in time is possible",
}

# What each setting is by default, what fits short statements on solid disks, and why.
_FITTING = {
    ("jit", "on"): ("off", "to compile takes longer than short statements run"),
    ("random_page_cost", "4"): ("1.1", "on solid disks, for which indexes are not dear"),
    ("track_io_timing", "off"): ("on", "so that oadb top and explain tell waiting from work"),
    ("log_lock_waits", "off"): ("on", "so that the log tells who waited for whom"),
}


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as SHOW says it, with its unit."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class StatementStatistics:
    """Whether the server counts statements, and in which schema this database shows it."""

    is_loaded: bool
    schema_name: str | None


@query
def _list_server_settings(names: list[str]) -> list[ShownSetting]: ...


@query
def find_statement_statistics() -> StatementStatistics: ...


query.complete()


def explain_missing(db: Runner, found: StatementStatistics) -> str | None:
    """Say what is missing to count statements, and what to do; None: nothing is."""
    if found.schema_name is not None and found.is_loaded:
        return None
    administration = managed_servers.find(db)
    create = f"as {administration.who}: create extension pg_stat_statements;"
    if found.is_loaded:
        return f"this database has no pg_stat_statements; {create}"
    place = f" {administration.place}" if administration.place else ""
    return (
        f"pg_stat_statements is not loaded: add it to shared_preload_libraries{place}, restart the "
        f"server, then, {create}"
    )


def checks(db: Runner) -> dict[str, Check]:
    """Return the checks by subject."""
    return {
        "durability": partial(check_durability, db),
        "tuning": partial(check_tuning, db),
        "statement counters": partial(check_statement_statistics, db),
    }


def check_durability(db: Runner) -> Iterator[Finding]:
    """Check that what was committed survives a crash, on any server but a throwaway one."""
    names = [name for name, _ in _LOSING]
    found = {each.name: each.value for each in _list_server_settings(db, [*names, "cluster_name"])}
    change = managed_servers.find(db).change
    faults = [
        f"{name} is {value}, so that {effect}; {change(f'reset {name}')}, or set it on the role "
        "or database where that is its source"
        for (name, value), effect in _LOSING.items()
        if found.get(name) == value
    ]
    if faults and found["cluster_name"] == THROWAWAY:
        text = f"none, as the cluster_name of this server says: {THROWAWAY}"
        yield Finding(True, "durability", text)
    else:
        yield from judged("durability", faults, "commits survive a crash")


def check_tuning(db: Runner) -> Iterator[Finding]:
    """Name settings that cost time and break nothing; it is advice and never a fault."""
    found = {
        (each.name, each.value)
        for each in _list_server_settings(db, [name for name, _ in _FITTING])
    }
    change = managed_servers.find(db).change
    advice = [
        f"{change(f'set {setting[0]} = {better}')} ({why})"
        for setting, (better, why) in _FITTING.items()
        if setting in found
    ]
    text = f"this load may be faster with: {'; '.join(advice)}" if advice else "fits this load"
    yield Finding(True, "tuning", text)


def check_statement_statistics(db: Runner) -> Iterator[Finding]:
    """Say whether ``oadb top`` can count statements; a service runs without."""
    obstacle = explain_missing(db, find_statement_statistics(db))
    yield Finding(True, "statement counters", obstacle or "pg_stat_statements counts for oadb top")
