"""Databases for tests on a Citus cluster: each is one of the same name on every node.

Citus copies no database: its ``create database`` takes no template. But what it knows of one, such
as the shards and where they are, stands in tables of it, by addresses of nodes and without its
name. So copies that each node makes of its own database are a database of the cluster again.
"""

import secrets
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from typing import LiteralString

from psycopg import errors
from psycopg.sql import SQL, Identifier

from oadb.engine import dsn
from oadb.engine.binding.packages import Package
from oadb.errors import ConfigError
from oadb.testing.servers import Server
from oadb.tools.scale import distribution

_TEMPLATE = "oadb_template_"
_CLONE = "oadb_test_"

LOG_WRITER = "oadb_test_logger"
"""The login by which a LogWriter stores rows where row-level security binds its service."""

_NODES: LiteralString = """
select nodename, nodeport
from pg_catalog.pg_dist_node
where noderole = 'primary'
order by groupid
"""

_CREATE: LiteralString = "create role {} login bypassrls in role oadb_log"

# As oadb distribute sets them in one database; those are not copied with it.
_SETTINGS: tuple[LiteralString, ...] = (
    "alter role {} set citus.max_cached_conns_per_worker = 16",
    "alter role {} set citus.multi_shard_modify_mode = 'sequential'",
)

# What a worker needs to have the tables of the coordinator; see docs/scale.md.
_ROLES: LiteralString = """
select format(
    'create role %I %s %s',
    rolname,
    case when rolcanlogin then 'login' else 'nologin' end,
    case when rolbypassrls then 'bypassrls' else 'nobypassrls' end
)
from pg_catalog.pg_roles
where rolname !~ '^pg_'
order by rolname
"""
_MEMBERS: LiteralString = """
select format('grant %I to %I', r.rolname, m.rolname)
from pg_catalog.pg_auth_members a
join pg_catalog.pg_roles r on r.oid = a.roleid
join pg_catalog.pg_roles m on m.oid = a.member
where r.rolname !~ '^pg_'
order by r.rolname, m.rolname
"""

# Seconds until the databases of other processes have been migrated.
_WAIT = 1800.0

# Ends with the session.
_ONE_AT_A_TIME: LiteralString = "select pg_advisory_lock(hashtext('oadb.testing.clusters'))"

# A daemon of Citus is connected to each database with the extension.
_DISCONNECT: LiteralString = (
    "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s"
)


@dataclass(frozen=True, slots=True)
class CitusServer(Server):
    """The coordinator of a cluster; *workers* are its other nodes, by the same login."""

    workers: tuple[Server, ...] = ()

    @contextmanager
    def template(self, migrate: Callable[[str], object]) -> Generator[str]:
        """Make a database and call *migrate* with its DATABASE_URL; give its name, to clone."""
        name = f"{_TEMPLATE}{secrets.token_hex(6)}"
        with self._dropped(name):
            self._everywhere(_make_empty, name)
            with self._locked():
                self._know(name)
                migrate(self.url(name))
            self._everywhere(_close, name)
            yield name

    @contextmanager
    def clone(self, template: str) -> Generator[str]:
        """Give the DATABASE_URL of a copy of *template*, dropped at the end with its clients.

        A copy of a database that is not of the cluster, such as template1, is not of it either. A
        clone that is cloned takes no connections from then on.
        """
        if template.startswith(_CLONE):
            self._everywhere(_close, template)
        elif not template.startswith(_TEMPLATE):
            with Server.clone(self, template) as url:
                yield url
            return
        name = f"{_CLONE}{secrets.token_hex(6)}"
        with self._dropped(name):
            self._everywhere(Server.copy, template, name)
            self._propagate(name)
            yield self.url(name)

    def close(self) -> None:
        """Close the connections that are kept, if any."""
        for node in self._nodes():
            Server.close(node)

    def distribute(
        self, url: str, packages: Sequence[Package], *, shards: int = distribution.SHARDS
    ) -> None:
        """Give the workers the roles of the coordinator, and tables of a migrated database.

        Raises:
            MigrationError: something stands in the way, such as a table without a placement.
        """
        target = dsn.parse(url)
        with closing(self.connected(target.keywords["dbname"])) as database:
            database.execute("call oadb.create_roles()")
            database.execute("call oadb.grant_privileges()")
        self._make_roles()
        distribution.distribute(target, packages, shards=shards, tell=_say_nothing)

    def _make_roles(self) -> None:
        with closing(self.connected()) as coordinator:
            # Workers may not have the role yet of which this one is a member.
            coordinator.execute("set citus.enable_ddl_propagation = off")
            with suppress(errors.DuplicateObject):
                coordinator.execute(SQL(_CREATE).format(Identifier(LOG_WRITER)))
            for setting in _SETTINGS:
                coordinator.execute(SQL(setting).format(Identifier(LOG_WRITER)))
            statements = [
                str(statement)
                for query in (_ROLES, _MEMBERS)
                for (statement,) in coordinator.execute(query).fetchall()
            ]
        for worker in self.workers:
            with worker.asked() as connection:
                for statement in statements:
                    with suppress(errors.DuplicateObject):
                        connection.execute(statement.encode())

    def _know(self, name: str) -> None:
        """Tell the coordinator of the nodes of a database."""
        with closing(self.connected(name)) as connection:
            add = "select citus_set_coordinator_host(%s, %s)"
            for node in self._nodes():
                connection.execute(add, (node.keywords["host"], int(node.keywords["port"])))
                add = "select citus_add_node(%s, %s)"
        self._propagate(name)

    @contextmanager
    def _locked(self) -> Generator[None]:
        """Keep other processes waiting: both what adds a node and what migrates changes roles."""
        with closing(self.connected()) as connection:
            connection.limit(_WAIT)
            connection.execute(_ONE_AT_A_TIME)
            yield

    def _propagate(self, name: str) -> None:
        # A setting of a database belongs to the server, so that a copy is without.
        self.run("alter database {} set citus.propagate_set_commands = 'local'", name)

    @contextmanager
    def _dropped(self, name: str) -> Generator[None]:
        try:
            yield
        finally:
            # First closed on each node: while it is dropped on one, daemons of the others that
            # connect to it there wait for that, and what drops it where they run waits for them.
            self._everywhere(_close, name)
            self._everywhere(Server.run, "drop database if exists {} with (force)", name)

    def _everywhere(self, call: Callable[..., None], *arguments: str) -> None:
        """Call for each node at the same time, with the node first."""
        with ThreadPoolExecutor(1 + len(self.workers)) as threads:
            calls = [threads.submit(call, node, *arguments) for node in self._nodes()]
            for each in calls:
                each.result()

    def _nodes(self) -> Iterator[Server]:
        yield self
        yield from self.workers


def _make_empty(node: Server, name: str) -> None:
    node.run("create database {} template template0", name)
    with closing(node.connected(name)) as connection:
        connection.execute("create extension citus")


def _close(node: Server, name: str) -> None:
    with suppress(errors.InvalidCatalogName):  # it was not made
        node.run("alter database {} with allow_connections false", name)
    with node.asked() as connection:
        connection.execute(_DISCONNECT, (name,))


def _say_nothing(_: str) -> None:
    """Tell nobody of the steps."""


@contextmanager
def cluster(coordinator: Server) -> Generator[CitusServer]:
    """Give the cluster of a coordinator, whose own database has the extension and its nodes.

    Raises:
        ConfigError: it has not.
    """
    with coordinator.asked() as connection:
        try:
            nodes = connection.execute(_NODES).fetchall()
        except errors.UndefinedTable:
            nodes = []
    if len(nodes) < 2:
        raise ConfigError(
            "OADB_TEST_LAYOUT=citus needs the coordinator of a cluster in OADB_TEST_DATABASE_URL, "
            "with a database that has the extension and its nodes: see "
            "docs/testing.md#on-a-citus-cluster"
        )
    each = [{**coordinator.keywords, "host": str(host), "port": str(port)} for host, port in nodes]
    workers = tuple(Server("url", keywords) for keywords in each[1:])
    with closing(CitusServer("url", each[0], workers=workers)) as made:
        yield made
