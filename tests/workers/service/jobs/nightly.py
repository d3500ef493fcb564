"""Scheduled work: APScheduler in threads, or on an event loop."""

from datetime import UTC, datetime

from apscheduler.schedulers.background import BackgroundScheduler

from jobs import payouts
from oadb import Database


def pay_fees(db: Database, day: datetime) -> bool:
    """Pay the fees of a day, once, however many processes have a scheduler."""
    return payouts.pay(db, f"fees of {day:%Y-%m-%d}", order_id=0)


def scheduler(db: Database) -> BackgroundScheduler:
    """Start it in the process that works: its threads do not survive a fork."""
    made = BackgroundScheduler(timezone=UTC)
    made.add_job(
        lambda: pay_fees(db, datetime.now(UTC)),
        "cron",
        hour=2,
        misfire_grace_time=3600,  # seconds; by default a start that is 1 s late is left out
        coalesce=True,
        max_instances=1,
    )
    return made
