"""What each observer of oadb.integrations costs a call that it hears of; no database is needed."""

from datetime import timedelta
from time import thread_time
from timeit import repeat

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
from prometheus_client import CollectorRegistry

from oadb.engine.observing import Observer
from oadb.integrations.opentelemetry import OpenTelemetryObserver
from oadb.integrations.prometheus import PrometheusObserver
from oadb.integrations.slow_statements import SlowStatements
from tests.benchmarks import conditions
from tests.support.observed import statement

CALLS, ROUNDS = 5000, 15

OBSERVERS: dict[str, Observer] = {
    "SlowStatements, of a fast one": SlowStatements(timedelta(minutes=1)),
    "PrometheusObserver": PrometheusObserver(CollectorRegistry()),
    "OpenTelemetryObserver without an SDK": OpenTelemetryObserver(),
    "OpenTelemetryObserver with the SDK, exporting nothing": OpenTelemetryObserver(
        TracerProvider(), MeterProvider()
    ),
}


def main() -> None:
    print("\n## Observers")
    print(f"\nBest of {ROUNDS} times {CALLS} calls, in the time of one thread.")
    conditions.table(
        ("what", "us a call"),
        [[name, f"{_cost(observer) * 1e6:.2f}"] for name, observer in OBSERVERS.items()],
    )


def _cost(observer: Observer) -> float:
    """Return the seconds that it takes to hear of a call."""
    done = statement()
    times = repeat(lambda: observer.statement(done), number=CALLS, repeat=ROUNDS, timer=thread_time)
    return min(times) / CALLS


if __name__ == "__main__":
    main()
