"""APScheduler: what several schedulers start is done once, in threads and on an event loop."""

import asyncio
from collections.abc import Generator
from datetime import UTC, datetime

import pytest
from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, JobExecutionEvent
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.schedulers.background import BackgroundScheduler
from jobs import nightly, payouts

from oadb import AsyncDatabase, Config, Database
from tests.conftest import configured
from tests.support.rig import Observer, eventually

DAY = datetime(2026, 11, 30, tzinfo=UTC)
PAYOUTS = "select count(*) from jobs.payouts"


@pytest.fixture
def jobs_config(jobs_url: str) -> Config:
    return configured(jobs_url)


@pytest.fixture
def jobs_db(jobs_config: Config) -> Generator[Database]:
    with Database(jobs_config) as db:
        yield db


def test_what_two_schedulers_start_in_their_threads_is_done_once(
    jobs_db: Database, jobs_observer: Observer
) -> None:
    schedulers = [nightly.scheduler(jobs_db) for _ in range(2)]
    heard: list[JobExecutionEvent] = []
    for scheduler in schedulers:
        scheduler.add_listener(heard.append, EVENT_JOB_EXECUTED | EVENT_JOB_ERROR)
        scheduler.start()
        scheduler.add_job(nightly.pay_fees, args=(jobs_db, DAY))
    eventually(lambda: len(heard) == 2)
    for scheduler in schedulers:
        scheduler.shutdown()

    assert sorted(event.retval for event in heard) == [False, True]
    assert jobs_observer.ask(PAYOUTS) == 1


async def test_a_scheduler_on_an_event_loop_uses_an_async_database(jobs_config: Config) -> None:
    done: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    scheduler = AsyncIOScheduler(timezone=UTC)
    async with AsyncDatabase(jobs_config) as db:

        async def pay() -> None:
            async with db.transaction() as tx:
                await payouts.add(tx, 1)
            done.set_result(await payouts.count_all(db))

        scheduler.start()
        scheduler.add_job(pay)
        async with asyncio.timeout(10):
            assert await done == 1
        scheduler.shutdown()


def test_the_scheduler_of_the_page_starts_once_a_night(jobs_db: Database) -> None:
    scheduler = nightly.scheduler(jobs_db)

    assert isinstance(scheduler, BackgroundScheduler)
    assert [str(job.trigger) for job in scheduler.get_jobs()] == ["cron[hour='2']"]
