"""``oadb explain``: the plan of one statement, on a live database."""

import psycopg
import pytest

from oadb.testing.chosen_layout import is_cluster
from oadb.testing.servers import Server
from tests.support.command_line import oadb
from tests.support.user_rows import login


def test_a_plan_for_values_is_a_tree_with_the_index(url: str) -> None:
    done = oadb("explain", "users.get", "--set", "user_id=7", url=url)

    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "users.get  for these values"
    assert lines[1].strip(" └─") == "Index Scan users_pkey of oadb.users"
    assert "1 row expected, cost" in lines[2]
    assert "condition: (users.user_id = '7'::bigint)" in done.stdout


def test_without_values_it_is_the_plan_for_any(url: str) -> None:
    done = oadb("explain", "users.get", url=url)

    assert done.stdout.startswith("users.get  for any values\n")
    assert "users.user_id = $1" in done.stdout


def test_partitions_with_the_same_plan_are_one_line(url: str) -> None:
    done = oadb("explain", "latency.stream", url=url)

    if is_cluster():  # workers plan partitions, for values
        assert "no plan of it for any values" in done.stdout
        return
    assert " more partitions\n" in done.stdout
    assert done.stdout.count(" oadb.latency_") == 1


def test_what_is_analyzed_says_rows_times_and_buffers(url: str) -> None:
    done = oadb("explain", "users.get", "--set", "user_id=7", "--analyze", url=url)

    assert "0 rows, " in done.stdout
    assert " buffers hit, " in done.stdout
    assert "run in " in done.stdout.splitlines()[-1]


def test_a_write_that_is_analyzed_is_undone(url: str) -> None:
    values = ("username=explained", "email=explained@example.in", "is_admin=false")
    given = [part for value in values for part in ("--set", value)]
    done = oadb("explain", "users._create", *given, "--analyze", url=url)

    assert (done.returncode, done.stderr) == (0, "")
    with psycopg.connect(url) as connection:
        found = connection.execute("select count(*) from oadb.users where username = 'explained'")
        assert found.fetchone() == (0,)


def test_what_a_write_fires_and_looks_up_is_shown_beside_its_plan(url: str) -> None:
    done = oadb("explain", "users._delete", url=url)

    beside = done.stdout.partition("beside the plan:\n")[2].splitlines()
    found = "  searches oadb.sessions in sessions_pkey: sessions_user_id_fkey, on delete cascade"
    assert found in beside
    below = beside[beside.index(found) + 1]
    assert below.startswith(
        "      fires records_session_ended of oadb.sessions after delete of each"
    )


def test_what_is_analyzed_says_how_long_triggers_took(url: str) -> None:
    values = ("username=fired", "email=fired@example.in", "is_admin=false")
    given = [part for value in values for part in ("--set", value)]
    done = oadb("explain", "users._create", *given, "--analyze", url=url)

    assert "records_user_created of users: 1 times, " in done.stdout


def test_a_read_that_calls_no_function_has_nothing_beside_its_plan(url: str) -> None:
    assert "beside" not in oadb("explain", "users.get", url=url).stdout


def test_a_statement_that_fails_shows_no_row(url: str) -> None:
    values = ("username=", "email=hidden@example.in", "is_admin=false")
    given = [part for value in values for part in ("--set", value)]
    done = oadb("explain", "users._create", *given, "--analyze", url=url)

    assert done.returncode == 1
    assert "users._create: " in done.stderr
    assert "hidden@example.in" not in done.stderr


def test_a_variant_is_named_by_what_its_label_has_behind_the_name(url: str) -> None:
    done = oadb("explain", "traffic.count", "--variant", "+ip", "--set", "ip=::1", url=url)

    assert done.stdout.startswith("traffic.count +ip  for these values\n")


def test_it_is_planned_as_the_role(url: str) -> None:
    done = oadb("explain", "users.get", "--role", "oadb_log", url=url)

    assert done.returncode == 3
    assert done.stdout == "users.get: permission denied for table users\n"


@pytest.mark.long("starts interpreters")
def test_under_an_identity_it_is_planned_with_the_policies(url: str) -> None:
    of_service, of_user = (
        oadb("explain", "users.list_all", "--variant", "+cursor", *given, url=url)
        for given in ((), ("--identity", "7"))
    )

    assert "users.user_id = (NULLIF(current_setting('oadb.user_id'" not in of_service.stdout
    assert "users.user_id = (NULLIF(current_setting('oadb.user_id'" in of_user.stdout


@pytest.mark.long("starts interpreters")
def test_under_an_identity_it_runs_and_sees_the_rows_of_that_user(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "insert into oadb.users (username, email) "
            "values ('asha', 'asha@example.in'), ('ben', 'ben@example.in')"
        )
        (first,) = connection.execute("select min(user_id) from oadb.users").fetchone() or (0,)
    given = ("--set", "limit=9", "--analyze", "--identity", str(first))
    done = oadb("explain", "users.list_all", "--variant", "", *given, url=url)

    assert (done.returncode, done.stderr) == (0, "")
    assert "1 rows, " in done.stdout.splitlines()[2]


@pytest.mark.long("starts interpreters")
def test_what_no_identity_may_run_says_so(url: str) -> None:
    done = oadb("explain", "ip_bans.count", "--identity", "7", url=url)

    assert done.returncode == 3
    assert done.stdout == "ip_bans.count: permission denied for view active_ip_bans\n"


@pytest.mark.long("starts interpreters")
def test_a_role_that_the_session_may_not_take_is_one_line(oadb_server: Server, url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("create role reader_explains login in role oadb_ro")
        own = login(oadb_server, "reader_explains", connection.info.dbname)
        try:
            refused = oadb("explain", "users.get", "--role", "oadb_owner", url=own)
        finally:
            connection.execute("drop role reader_explains")
    unknown = oadb("explain", "users.get", "--role", "nobody_explains", url=url)

    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.startswith('oadb: --role oadb_owner: permission denied to set role "oadb')
    assert unknown.stderr.startswith('oadb: --role nobody_explains: role "nobody_explains" does')
    assert len(unknown.stderr.splitlines()) == len(refused.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("users.get", "--identity", "0"), "--identity': Input should be greater than"),
        (("users.gett",), "there is no statement users.gett; near it are users.get, "),
        (("find_by_email",), "near it are users.find_by_email"),
        (("users.get", "--set", "user=7"), "has no such parameter; there are: user_id (int)"),
        (("users.get", "--set", "user_id"), "--set user_id: users.get has no such parameter"),
        (("users.get", "--set", "user_id=x"), "user_id is int: invalid input syntax for type"),
        (("users.get", "--analyze"), "users.get needs values of user_id as well"),
        (("users.get", "--variant", "+status"), "there is no statement users.get +status"),
        (("users.get", "--rows", "0"), "must be a number of rows from 1 to 1e10"),
        (("users.get", "--rows", "1e9", "--analyze"), "leave out --analyze"),
    ],
)
def test_what_it_cannot_explain_is_a_usage_error(
    url: str, arguments: tuple[str, ...], message: str
) -> None:
    done = oadb("explain", *arguments, url=url)

    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_what_has_no_plan_says_so(url: str) -> None:
    done = oadb("explain", "instruments.export_csv", url=url)

    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout == ("instruments.export_csv: a COPY has no plan; plan the query in it\n")
