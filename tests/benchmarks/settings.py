"""Reading a setting and the trading mode, compared with the lookup of a user by primary key."""

from collections.abc import Callable

from oadb import Database
from oadb.accounts import users
from oadb.settings import app_settings, user_settings
from tests.benchmarks.conditions import config, database, table
from tests.benchmarks.rounds import CALLS, ROUNDS, Variant, measure, ratio

THEME = user_settings.declare("benchmark.theme", str, default="light", choices=("light", "dark"))
SIZE = user_settings.declare("benchmark.size", int, default=50, least=1, most=1000)

_PLAIN = "users.get, nine columns"


def main() -> None:
    print("\n## Reading a setting\n")
    print(f"{ROUNDS} rounds of {CALLS} calls each, in shuffled order; a user has two settings;")
    print(
        "median of the ratios within a round, with its 95 % confidence interval. Aim: at most 1.1."
    )
    with database() as url, Database(config(url)) as db:
        user_settings.put(db, 7, THEME.to("dark"), SIZE.to(10))
        variants = _variants(db)
        measure(variants)
    plain = variants[0]
    table(
        ["variant", "time, ratio to the plain lookup", "us", "client CPU us"],
        (
            [
                each.name,
                str(ratio(each.seconds, plain.seconds)),
                f"{each.microseconds:.0f}",
                f"{each.cpu_microseconds:.0f}",
            ]
            for each in variants
        ),
    )


def _variants(db: Database) -> list[Variant]:
    return [
        _variant(_PLAIN, lambda: users.get(db, 7)),
        _variant(
            "user_settings._find, its JSON alone", lambda: user_settings._find(db, 7, SIZE.name)
        ),
        _variant("user_settings.get, of what a user chose", lambda: user_settings.get(db, 7, SIZE)),
        _variant("user_settings.get, of a default", lambda: user_settings.get(db, 8, SIZE)),
        _variant("app_settings.get_trading_mode", lambda: app_settings.get_trading_mode(db)),
    ]


def _variant(name: str, read: Callable[[], object]) -> Variant:
    def run(calls: int) -> None:
        for _ in range(calls):
            read()

    return Variant(name, run)
