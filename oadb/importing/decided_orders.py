"""Reports OpenAlgo's orders that waited for a person: none is imported, and none is lost unseen."""

from oadb.errors import RowError
from oadb.importing.columns import optional_text
from oadb.importing.reports import TableReport
from oadb.importing.sources import Sources

TABLE = "pending_orders"

_COLUMNS = (
    "id", "user_id", "api_type", "order_data", "created_at", "created_at_ist", "status",
    "approved_at", "approved_at_ist", "approved_by", "rejected_at", "rejected_at_ist",
    "rejected_by", "rejected_reason", "broker_order_id", "broker_status",
)  # fmt: skip  # a table


def report(sources: Sources) -> TableReport:
    """Say of each order how it was decided, and its id at the broker."""
    made = TableReport(TABLE)
    for row in sources.rows(TABLE):
        if not made.found:
            made.compare(row, _COLUMNS)
        made.found += 1
        try:
            status = optional_text(row, "status", 20) or "pending"
            broker_order_id = optional_text(row, "broker_order_id", 50)
        except RowError as fault:
            made.leave_out(row.get("id"), str(fault))
            continue
        if status == "pending":
            made.leave_out(row.get("id"), "it waits: approve or reject it in OpenAlgo")
        else:
            sent = f"broker order id {broker_order_id}" if broker_order_id else "not sent"
            made.leave_behind(row.get("id"), f"{status}, {sent}")
    return made
