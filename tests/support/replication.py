"""A standby that follows a server, and can be made to lag behind."""

import os
import signal
import subprocess
from collections.abc import Generator
from contextlib import contextmanager

from oadb.embedded.cluster import Cluster
from oadb.embedded.memory import memory
from oadb.embedded.system_user import account_for
from oadb.embedded.temporary_folders import temporary_folder
from oadb.testing.control import ServerControl
from tests.support.rig import Observer, eventually


@contextmanager
def standby_of(primary: ServerControl) -> Generator[ServerControl]:
    """Give a standby that follows *primary*; at the end it is gone, with its data."""
    binaries, keywords = primary._cluster.binaries, primary.server.keywords
    with temporary_folder(memory(), binaries) as folder:
        cluster = Cluster(folder, binaries, account_for(folder, binaries))
        source = (f"--host={keywords['host']}", f"--port={keywords['port']}", "--username=postgres")
        how = ("--pgdata=data", "--write-recovery-conf", "--checkpoint=fast")
        assert cluster._run("pg_basebackup", *source, *how, log=subprocess.DEVNULL) == 0
        try:
            yield ServerControl(cluster)
        finally:
            cluster.stop("immediate")


@contextmanager
def lagging(standby: ServerControl) -> Generator[None]:
    """Stop what receives the changes of the primary; it goes on at the end."""
    observer = Observer(standby.url)
    receiver = "select pid from pg_stat_wal_receiver where status = 'streaming'"
    eventually(lambda: observer.ask(receiver))
    pid = observer.ask(receiver)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
