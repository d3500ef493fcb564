"""What may run on a replica writes nothing there, whatever its functions do."""

import psycopg
import pytest
from psycopg import pq

from oadb.engine.binding.declarations import Declaration
from tests.support import declared

# A write in a transaction that may not, and what only a primary does.
REFUSED = {"25006", "55000", "0A000"}


def state_of(connection: psycopg.Connection, form: Declaration) -> str:
    """Run a statement with nulls; return the SQLSTATE of its error, if there is one."""
    result = connection.pgconn.exec_params(form.wire_sql, [None] * len(form.parameters))
    if result.status != pq.ExecStatus.FATAL_ERROR:
        return ""
    return (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()


@pytest.mark.long("runs six hundred statements for the first time")
def test_no_statement_that_a_replica_may_run_writes(url: str) -> None:
    forms = [
        form
        for name in declared.MODULES
        for each in getattr(declared.module(name), "query", ())
        if not each.misplacement and not each.is_copy
        for form in [*each.variants.values()] or [each]
    ]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set default_transaction_read_only = on")
        refused = [form.label for form in forms if state_of(connection, form) in REFUSED]

    assert len(forms) > 400
    assert refused == []
