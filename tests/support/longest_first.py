"""Files of tests that take long begin first, then those with the most tests.

xdist gives the workers one file after another. One that takes a minute and comes last would have a
worker and a processor to itself, while the others are done.
"""

from collections import Counter

import pytest

LONGEST = (
    "tests/test_tutorial.py",
    "tests/tools/intended/test_schema_levels.py",
    "tests/faults/test_worker_classes.py",
    "tests/faults/test_simulation.py",
    "tests/faults/test_log_storm.py",
    "tests/tools/test_new_service.py",
    "tests/test_planted_page.py",
    "tests/faults/test_names.py",
    "tests/faults/test_storms.py",
    "tests/workers/test_celery.py",
    "tests/workers/test_rq.py",
    "tests/tools/test_served_services.py",
    "tests/typing/test_editor_help.py",
    "tests/drills/test_pg_upgrade.py",
    "tests/drills/test_point_in_time.py",
    "tests/drills/test_logical_replication.py",
    "tests/drills/test_restore.py",
    "tests/faults/test_load_killed.py",
    "tests/faults/test_full_log_disk.py",
    "tests/engine/pool/test_connecting.py",
)
"""The longest first."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    files = [item.nodeid.partition("::")[0] for item in items]
    count = Counter(files)
    place = {file: number for number, file in enumerate(LONGEST)}
    order = sorted(
        zip(files, items, strict=True),
        key=lambda each: (place.get(each[0], len(place)), -count[each[0]], each[0]),
    )
    items[:] = [item for _, item in order]
