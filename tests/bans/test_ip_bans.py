"""IP bans: who is kept out and how long, who never is, and what listeners hear of it."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from oadb import AsyncDatabase, Config, Database
from oadb.accounts import users
from oadb.bans import ip_bans, trackers
from oadb.engine import dsn
from oadb.errors import NoRowError, ParameterError, UnavailableError
from oadb.settings import app_settings
from tests.support.accounts import new_user
from tests.support.bans import age_ban, db, ip, many
from tests.support.notifications import hinted
from tests.support.rig import Observer, threads

__all__ = ["db", "ip", "many"]

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def left(observer: Observer, network: str) -> timedelta | None:
    """Return how long a ban lasts from when it was made, by the database's own clock."""
    found: timedelta | None = observer.ask(
        "select expires_at - banned_at from oadb.ip_bans where network = %s::inet", network
    )
    return found


# Bans --------------------------------------------------------------------------------------------


def test_a_banned_address_is_found_and_another_is_not(db: Database, ip: str) -> None:
    assert ip_bans.find_by_ip(db, ip) is None

    asha = new_user(db)
    made = ip_bans.ban(db, ip, "scanning", duration=HOUR, by=asha)

    assert ip_bans.find_by_ip(db, ip) == made
    assert (made.network, made.reason, made.offences) == (ip, "scanning", 1)
    assert (made.source, made.by) == ("person", asha)
    assert made.expires_at is not None
    assert made.expires_at - made.banned_at == HOUR
    assert ip_bans.find_by_ip(db, "198.51.255.1") is None


def test_a_ban_without_a_duration_is_permanent(db: Database, ip: str) -> None:
    assert ip_bans.ban(db, ip, "known", duration=None, by=None).expires_at is None
    assert ip_bans.find_by_ip(db, ip) is not None


def test_a_ban_lasts_24_hours_by_default(db: Database, observer: Observer, ip: str) -> None:
    ip_bans.ban(db, ip, "scanning", by=None)

    assert left(observer, ip) == DAY


# Defect 36: an expired ban was deleted by the check, and the offender forgotten.
def test_an_expired_ban_has_no_effect_writes_nothing_and_counts_as_an_offence(
    db: Database, observer: Observer, ip: str
) -> None:
    ip_bans.ban(db, ip, "first", duration=HOUR, by=None)
    age_ban(observer, ip, HOUR)
    before = observer.rows("select xmin::text, offences from oadb.ip_bans where network = %s", ip)

    assert ip_bans.find_by_ip(db, ip) is None
    assert (
        observer.rows("select xmin::text, offences from oadb.ip_bans where network = %s", ip)
        == before
    )
    again = ip_bans.ban(db, ip, "second", duration=HOUR, by=None, repeat_offender_limit=3)
    assert (again.offences, again.expires_at is None) == (2, False)
    age_ban(observer, ip, 30 * DAY)
    third = ip_bans.ban(db, ip, "third", duration=HOUR, by=None, repeat_offender_limit=3)
    assert (third.offences, third.expires_at) == (3, None)


@pytest.mark.parametrize(("limit", "permanent_from"), [(0, None), (1, 1), (2, 2), (3, 3)], ids=str)
def test_bans_are_permanent_from_the_offence_of_the_limit_on_and_0_is_no_limit(
    db: Database, observer: Observer, ip: str, limit: int, permanent_from: int | None
) -> None:
    for offence in range(1, 5):
        made = ip_bans.ban(db, ip, "again", duration=HOUR, by=None, repeat_offender_limit=limit)
        is_permanent = permanent_from is not None and offence >= permanent_from

        assert made.offences == offence
        assert (made.expires_at is None) is is_permanent
        age_ban(observer, ip, HOUR)


@pytest.mark.parametrize(("limit", "permanent_from"), [(0, None), (1, 1), (3, 3)], ids=str)
def test_without_a_limit_that_of_the_security_settings_applies(
    oadb_database_url: str, ip: str, limit: int, permanent_from: int | None
) -> None:
    """Also while automatic bans are off."""
    with Database(Config.from_env({"DATABASE_URL": oadb_database_url})) as db:
        app_settings.update_security(
            db, by=None, repeat_offender_limit=limit, auto_ban_enabled=False
        )
        for offence in range(1, 5):
            made = ip_bans.ban(db, ip, "again", duration=HOUR, by=None)
            is_permanent = permanent_from is not None and offence >= permanent_from

            assert (made.expires_at is None) is is_permanent


def test_a_ban_works_without_the_row_of_the_security_settings(
    oadb_database_url: str, ip: str
) -> None:
    Observer(oadb_database_url).rows("delete from oadb.security_settings")
    with Database(Config.from_env({"DATABASE_URL": oadb_database_url})) as db:
        made = ip_bans.ban(db, ip, "x", duration=HOUR, by=None)

        assert made.expires_at == made.banned_at + HOUR
        assert ip_bans.find_by_ip(db, ip) == made


def test_a_longer_ban_is_not_shortened_and_a_permanent_one_stays(db: Database, ip: str) -> None:
    long = ip_bans.ban(db, ip, "long", duration=7 * DAY, by=None, repeat_offender_limit=0)
    short = ip_bans.ban(db, ip, "short", duration=HOUR, by=None, repeat_offender_limit=0)
    assert short.expires_at == long.expires_at
    longer = ip_bans.ban(db, ip, "longer", duration=8 * DAY, by=None, repeat_offender_limit=0)
    assert longer.expires_at is not None
    assert long.expires_at is not None
    assert longer.expires_at > long.expires_at

    assert (
        ip_bans.ban(db, ip, "for ever", duration=None, by=None, repeat_offender_limit=0).expires_at
        is None
    )
    assert (
        ip_bans.ban(db, ip, "short", duration=HOUR, by=None, repeat_offender_limit=0).expires_at
        is None
    )


def test_concurrent_bans_all_count(many: Database, ip: str) -> None:
    with threads(8) as pool:
        made = list(
            pool.map(
                lambda _: ip_bans.ban(
                    many, ip, "x", duration=HOUR, by=None, repeat_offender_limit=0
                ),
                range(40),
            )
        )

    assert sorted(each.offences for each in made) == [*range(1, 41)]


# Defect 39: banned_at was local and expires_at UTC, so that a ban was over before it began.
@pytest.mark.parametrize("zone", ["Asia/Kolkata", "America/New_York", "UTC"])
def test_a_ban_lasts_as_long_in_every_time_zone(
    db: Database, observer: Observer, ip: str, zone: str, url: str
) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("select set_config('TimeZone', %s, false)", (zone,))
        name = connection.info.dbname
        connection.execute(f"alter database {name} set timezone = '{zone}'".encode())
        try:
            with Database(db._inner._config) as elsewhere:
                made = ip_bans.ban(elsewhere, ip, "x", duration=HOUR, by=None)
        finally:
            connection.execute(f"alter database {name} reset timezone".encode())
        kept_out = connection.execute(
            "select count(*) from oadb.active_ip_bans where network = %s::inet", (ip,)
        ).fetchone()

    assert left(observer, ip) == HOUR
    assert abs(made.banned_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert kept_out == (1,)
    assert ip_bans.find_by_ip(db, ip) == made


# Defect 37: what could not be looked up was taken for unbanned.
def test_errors_are_raised_and_never_count_as_an_answer(db: Database, url: str, ip: str) -> None:
    ip_bans.ban(db, ip, "x", duration=HOUR, by=None)
    with psycopg.connect(url) as connection:
        connection.execute("alter table oadb.ip_bans rename to gone")
        connection.execute("alter view oadb.active_ip_bans rename to gone_too")
        connection.commit()
        try:
            with pytest.raises(psycopg.errors.UndefinedTable):
                ip_bans.find_by_ip(db, ip)
            with pytest.raises(psycopg.errors.UndefinedTable):
                trackers.track_not_found(db, ip, "/")
        finally:
            connection.execute("alter table oadb.gone rename to ip_bans")
            connection.execute("alter view oadb.gone_too rename to active_ip_bans")
            connection.commit()


def test_a_database_that_is_away_is_unavailable() -> None:
    nowhere = dsn.parse("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
    config = Config(nowhere, pool_timeout_seconds=0.5)
    with pytest.raises(UnavailableError):
        ip_bans.find_by_ip(Database(config), "198.51.100.7")


def test_looking_up_a_ban_is_one_scan_of_the_key(url: str) -> None:
    statement = ip_bans._find_active.wire_sql
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into oadb.ip_bans (network, reason, offences, banned_at) "
            "select ('11.' || n / 65536 || '.' || n / 256 % 256 || '.' "
            "|| n % 256)::inet, 'x', 1, now() from generate_series(1, 5000) as n"
        )
        connection.execute("analyze oadb.ip_bans")
        connection.execute("set plan_cache_mode = force_generic_plan")
        connection.execute(b"prepare find as " + statement)
        plan = "\n".join(
            row[0] for row in connection.execute("explain execute find('198.51.100.7')")
        )
        buffers = connection.execute(
            "explain (analyze, buffers, format json) execute find('198.51.100.7')"
        ).fetchone()
        connection.execute("delete from oadb.ip_bans where network <<= '11.0.0.0/8'")

    assert "Index Scan using ip_bans_pkey" in plan
    assert "Seq Scan on ip_bans" not in plan
    assert buffers is not None
    assert buffers[0][0]["Plan"]["Shared Hit Blocks"] <= 4


# Addresses ---------------------------------------------------------------------------------------


def test_a_ban_of_an_ipv6_address_covers_its_64(db: Database) -> None:
    made = ip_bans.ban(db, "2001:db8:1:2::7", "x", by=None)

    assert made.network == "2001:db8:1:2::/64"
    assert ip_bans.find_by_ip(db, "2001:DB8:1:2:ffff:0:0:1") == made
    assert ip_bans.find_by_ip(db, "2001:db8:1:3::7") is None
    assert ip_bans.unban(db, "2001:db8:1:2:aaaa::") is True
    assert ip_bans.find_by_ip(db, "2001:db8:1:2::7") is None


@pytest.mark.parametrize("form", ["::ffff:{}", "::FFFF:{}", "64:ff9b::{}"])
def test_an_ipv4_address_in_an_ipv6_one_is_the_same_client(
    db: Database, ip: str, form: str
) -> None:
    made = ip_bans.ban(db, form.format(ip), "x", by=None)

    assert made.network == ip
    assert ip_bans.find_by_ip(db, ip) == ip_bans.find_by_ip(db, form.format(ip)) == made


@pytest.mark.parametrize("text", ["", "localhost", "fe80::1%eth0", "198.51.100.0/24", "1" * 100])
def test_what_is_no_address_is_refused(db: Database, text: str) -> None:
    for call in (
        ip_bans.find_by_ip,
        ip_bans.unban,
        lambda db, ip: ip_bans.ban(db, ip, "x", by=None),
    ):
        with pytest.raises(ParameterError, match="must be an IPv4 or IPv6 address"):
            call(db, text)


@pytest.mark.parametrize(
    "duration", [timedelta(), -HOUR, timedelta(days=36_501), timedelta.max], ids=str
)
def test_an_invalid_duration_is_refused(db: Database, ip: str, duration: timedelta) -> None:
    said = "duration must be (above 0|at most 36,500 days)$"
    with pytest.raises(ParameterError, match=rf"^ip_bans\.ban: {said}"):
        ip_bans.ban(db, ip, "x", duration=duration, by=None)
    with pytest.raises(ParameterError, match="repeat_offender_limit"):
        ip_bans.ban(db, ip, "x", duration=HOUR, by=None, repeat_offender_limit=-1)


# Defect 42.
def test_a_reason_of_any_length_is_cut_and_the_ban_is_made(db: Database, ip: str) -> None:
    made = ip_bans.ban(db, ip, "r\0" * 100_000, by=None)

    assert len(made.reason) == 500


# Actors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", [0, -1, 777_777_777])
def test_an_actor_who_does_not_exist_bans_nobody(db: Database, ip: str, by: int) -> None:
    for address in (ip, "10.0.0.1"):
        with pytest.raises(NoRowError, match=rf"^ip_bans\.ban: there is no user {by}$"):
            ip_bans.ban(db, address, "x", by=by)
    assert ip_bans.find_by_ip(db, ip) is None

    made = ip_bans.ban(db, ip, "x", duration=HOUR, by=None)
    with pytest.raises(NoRowError):
        ip_bans.ban(db, ip, "x", duration=None, by=by)
    assert ip_bans.find_by_ip(db, ip) == made


def test_a_ban_names_the_user_of_its_last_offence_who_may_be_gone(db: Database, ip: str) -> None:
    first, second = new_user(db), new_user(db)
    assert ip_bans.ban(db, ip, "x", by=first).by == first
    assert ip_bans.ban(db, ip, "x", by=second).by == second
    assert users.delete(db, second)

    found = ip_bans.find_by_ip(db, ip)
    assert found is not None
    assert found.by == second
    assert ip_bans.ban(db, ip, "x", by=None).by is None


# Unbanning and lists -----------------------------------------------------------------------------


def test_unbanning_deletes_offences_and_hits(db: Database, ip: str) -> None:
    for _ in range(2):
        trackers.track_not_found(db, ip, "/x")
    ip_bans.ban(db, ip, "x", duration=HOUR, by=None)

    assert ip_bans.unban(db, ip) is True
    assert ip_bans.unban(db, ip) is False
    assert ip_bans.find_by_ip(db, ip) is None
    assert trackers.track_not_found(db, ip, "/x").hits == 1
    assert ip_bans.ban(db, ip, "x", duration=HOUR, by=None).offences == 1


def test_bans_are_listed_in_pages_newest_first(config: Config, oadb_database_url: str) -> None:
    with Database(config) as db:
        made = [ip_bans.ban(db, f"203.0.113.{n}", "x", duration=HOUR, by=None) for n in range(7)]
        age_ban(Observer(oadb_database_url), "203.0.113.0", HOUR)
        first = ip_bans.list_all(db, limit=4)
        rest = ip_bans.list_all(db, limit=4, cursor=first.next)

        assert [*first, *rest] == made[:0:-1]
        assert rest.next is None
        assert len(ip_bans.list_all(db, with_expired=True)) == 7
        ip_bans.ban(db, "203.0.113.1", "x", duration=None, by=None)
        counts = ip_bans.count(db)
        assert (counts.active, counts.permanent) == (6, 1)
        assert ip_bans.count_up_to(db) == counts
        assert ip_bans.count_up_to(db, most=6) == counts
        few = ip_bans.count_up_to(db, most=4)
        assert (few.active, few.permanent) == (4, 1)


def test_bans_that_expired_a_year_ago_are_swept(db: Database, observer: Observer) -> None:
    for number, days in enumerate((364, 367, 368, 369)):
        ip_bans.ban(db, f"203.0.113.{number}", "x", duration=HOUR, by=None)
        age_ban(observer, f"203.0.113.{number}", timedelta(days=days))
    ip_bans.ban(db, "203.0.113.9", "x", duration=None, by=None)
    age_ban(observer, "203.0.113.9", timedelta(days=800))

    assert [ip_bans.delete_expired(db, batch=2) for _ in range(3)] == [2, 1, 0]
    assert ip_bans.ban(db, "203.0.113.0", "x", duration=HOUR, by=None).offences == 2
    assert ip_bans.find_by_ip(db, "203.0.113.9") is not None


# Announcements -----------------------------------------------------------------------------------


def test_each_change_of_a_ban_is_announced_and_nothing_else(db: Database, ip: str) -> None:
    def work() -> None:
        ip_bans.find_by_ip(db, ip)
        ip_bans.ban(db, ip, "x", by=None)
        with pytest.raises(ParameterError):
            ip_bans.ban(db, "10.0.0.1", "x", by=None)
        ip_bans.unban(db, ip)
        ip_bans.unban(db, ip)
        ip_bans.exempt(db, "2001:db8:77::1", "x")
        ip_bans.exempt(db, "10.0.0.0/8", "x")
        ip_bans.unexempt(db, "2001:db8:77::/64")
        ip_bans.unexempt(db, "2001:db8:77::/64")

    assert hinted(work) == [ip_bans.CHANNEL] * 4


def test_a_ban_that_is_rolled_back_is_not_announced(db: Database, ip: str) -> None:
    def work() -> None:
        with suppress(KeyError), db.transaction() as tx:
            ip_bans.ban(tx, ip, "x", by=None)
            raise KeyError

    assert hinted(work) == []
    assert ip_bans.find_by_ip(db, ip) is None


async def test_bans_work_for_asyncio(adb: AsyncDatabase) -> None:
    made = await ip_bans.ban(adb, "203.0.113.7", "x", duration=HOUR, by=None)

    assert await ip_bans.find_by_ip(adb, "203.0.113.7") == made
    assert await ip_bans.unban(adb, "203.0.113.7") is True
    assert await ip_bans.find_by_ip(adb, "203.0.113.7") is None
