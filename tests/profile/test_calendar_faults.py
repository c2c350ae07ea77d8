"""Every fault of a calendar is told with its place and what to write instead (S5, D10)."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.profile.load import check
from tests.profile.folders import copied, spoil

HERE = "      - {first: 2026-12-24, last: 2026-12-31, label: {zh: 圣诞休假, en: Christmas holidays}}"
OPENED = (
    "      - {date: 2026-12-19, label: {zh: 年末盘点, en: Stocktaking at the end of the year}, spans: [09:00-13:00]}"
)
MUNICH = "    extends: company\n    timezone: Europe/Berlin"
GERMAN = "{country: DE, subdivision: BY}"

# What is written instead of what in the generic desk's calendar.yaml; the field and words that must be told.
FAULTS = {
    "unknown country": (GERMAN, "XX", "munich.holidays.country", "such as DE"),
    "a country in words": (GERMAN, "Germany", "munich.holidays.country", "must match"),
    "unknown part": (GERMAN, "{country: DE, subdivision: XY}", "munich.holidays.subdivision", "BY, HB"),
    "a part of China": (GERMAN, "{country: CN, subdivision: XJ}", "munich.holidays.subdivision", "as closures"),
    "closure of nothing": (HERE, "      - {label: {zh: 休, en: Off}}", "munich.closures[0]", "write one of the two"),
    "closure without end": (HERE, "      - {first: 2026-12-24}", "munich.closures[0]", "write one of the two"),
    "closure backwards": (HERE, "      - {first: 2026-12-24, last: 2026-12-23}", "munich.closures[0]", "first day"),
    "endless closure": (HERE, "      - {first: 2026-12-24, last: 2036-12-23}", "munich.closures[0]", "a year later"),
    "no day": (HERE, "      - 2026-02-30", "munich.closures[0].date", "correct the value"),
    "closed twice": (HERE, HERE + "\n      - 2026-12-25", "munich.closures[1]", "2026-12-25 already"),
    "hours of a closure": (HERE, "      - {date: 2026-12-24, spans: [9-12]}", "munich.closures[0].spans", "09:00"),
    "open and closed": (OPENED, "      - 2026-12-25", "munich.openings[0]", "keep one of the two"),
    "opened twice": (OPENED, "      - 2026-12-19\n      - 2026-12-19", "munich.openings[1]", "2026-12-19 already"),
    "hours of an opening": (OPENED, "      - {date: 2026-12-19, spans: [13-9]}", "munich.openings[0].spans", "09:00"),
    "unknown calendar extended": (MUNICH, "    extends: firm", "munich.extends", "company, duty"),
    "always extended": (MUNICH, "    extends: always", "munich.extends", "has no holidays"),
    "circle": (
        "company:\n    spans",
        "company:\n    extends: munich\n    spans",
        "company.extends",
        "company -> munich -> company",
    ),
    "weekday's hours": ("mon: [08:00-12:00,", "mon: [08:00-14:00,", "munich.spans.mon", "overlaps"),
    "unknown weekday": ("      mon: [08", "      monday: [08", "munich.spans", "sun"),
    "weekdays twice": ("    spans:\n      mon", "    days: [mon]\n    spans:\n      mon", "munich.spans", "remove"),
    "known by rule": (MUNICH, MUNICH + "\n    known_until: 2027-12-31", "munich.known_until", "year by year"),
    "always with openings": (
        "always: true", "always: true\n    openings: [2026-01-01]", "always.always", "remove them",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_of_a_calendar_is_told_with_its_remedy(case: tuple[str, str, str, str], tmp_path: Path) -> None:
    """S5, D10."""
    old, new, field, told = case
    folder = copied(tmp_path, "generic_desk")
    spoil(folder, "calendar.yaml", old, new)
    found = check(folder)
    mine = [each for each in found if f": calendars.{field}" in each]
    assert mine, found
    assert told in mine[0], mine
    assert ";" in mine[0], "a fault without remedy"
