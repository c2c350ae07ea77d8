"""Who is told that the known holidays of a calendar end soon (D10)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from services.kernel.clock import FixedClock
from services.profile.calendars import CHINA_COVERED_UNTIL
from services.profile.load import load
from services.sla.timers.coverage import GAUGE, tell_coverage
from tests.profile.folders import POLICY

GENERIC = load(POLICY / "generic_desk")
LAST = datetime(CHINA_COVERED_UNTIL.year, 12, 31, 4, tzinfo=UTC)


def test_a_process_that_starts_warns_of_calendars_with_less_than_sixty_days() -> None:
    """D10."""
    assert tell_coverage([GENERIC], FixedClock(LAST - timedelta(days=60))) == []
    [warned] = tell_coverage([GENERIC], FixedClock(LAST - timedelta(days=59)))
    assert (warned.profile, warned.calendar, warned.days_left) == ("generic_desk", "duty", 59)


def test_the_gauge_tells_the_days_left_when_it_is_read_and_goes_below_nothing(monkeypatch) -> None:
    """D10: the figure follows the clock, not the start of the process."""
    reader = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[reader])
    monkeypatch.setattr(metrics, "get_meter", provider.get_meter)
    now = [LAST]

    class Moving:
        def now(self) -> datetime:
            return now[0]

    tell_coverage([GENERIC], Moving())
    now[0] = LAST + timedelta(days=3)
    told = reader.get_metrics_data()
    assert told is not None
    [figure] = [
        (getattr(point, "value", None), dict(point.attributes or {}))
        for resource in told.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
        if metric.name == GAUGE
        for point in metric.data.data_points
    ]
    assert figure == (-3, {"profile": "generic_desk", "calendar": "duty"})
