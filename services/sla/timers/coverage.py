"""Says while a process runs how long the holidays of its calendars are known (D10)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from services.kernel.clock import Clock
from services.profile.coverage import Coverage, coverage, shortages
from services.profile.load import LoadedProfile
from services.runtime.telemetry import gauge, get_log

GAUGE = "deskstream_calendar_covered_days"


def tell_coverage(profiles: Iterable[LoadedProfile], clock: Clock) -> list[Coverage]:
    """Warns in the log of each calendar that ends soon, keeps the gauge; gives what it warned of."""
    kept = tuple(profiles)

    def found() -> Iterator[Coverage]:
        for loaded in kept:
            yield from coverage(loaded.name, loaded.calendars, clock.now())

    def observe() -> Iterator[tuple[float, Mapping[str, str]]]:
        for each in found():
            yield each.days_left, {"profile": each.profile, "calendar": each.calendar}

    gauge(GAUGE, observe, "Days for which the holidays of a calendar are still known.")
    short = shortages(found())
    for each in short:
        get_log(__name__).warning(
            "holidays end soon", profile=each.profile, calendar=each.calendar, until=each.until.isoformat(),
            days_left=each.days_left, remedy=str(each),
        )  # fmt: skip
    return short
