"""What writers may do with tables that a Citus cluster has distributed."""

from oadb.tools.intended import schema_differences
from oadb.tools.intended.fitting import Target
from oadb.tools.schema import SchemaObject

ONE_SERVER = Target(180001, "oadb_owner", frozenset({"oadb_log"}), {})
CLUSTER = Target(180001, "oadb_owner", frozenset({"oadb_log"}), {"oadb.traffic": "log_id"})


def grant(columns: str, table: str = "oadb.traffic") -> SchemaObject:
    definition = f"grant insert ({columns}), select on table {table} to oadb_log"
    return SchemaObject(table, "grant", f"{table} to oadb_log", definition, None)


def test_writers_of_a_distributed_table_name_the_column_that_numbers_rows() -> None:
    intended = [grant("ip, path"), grant("ip", "oadb.ip_bans")]
    live = [grant("ip, log_id, path"), grant("ip", "oadb.ip_bans")]

    assert schema_differences.compare(live, intended, CLUSTER) == []
    assert len(schema_differences.compare(live, intended, ONE_SERVER)) == 1


def test_a_writer_of_a_distributed_table_that_may_not_is_told() -> None:
    [found] = schema_differences.compare([grant("ip")], [grant("ip")], CLUSTER)

    assert found.should_be == "grant insert (ip, log_id), select on table oadb.traffic to oadb_log"
