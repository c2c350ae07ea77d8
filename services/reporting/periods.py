"""Spans of local dates: months, quarters, half-years, years and any range (N1, N11). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Literal

from services.kernel.errors import Refused

Kind = Literal["month", "quarter", "half_year", "year", "range"]

_MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
_FIXED = re.compile(r"^(?P<year>\d{4})(?:-(?:Q(?P<quarter>[1-4])|H(?P<half>[12])|(?P<month>0[1-9]|1[0-2])))?$")
_REMEDY = (
    'write a month "2026-11", a quarter "2026-Q4", a half-year "2026-H2", a year "2026" '
    'or a range of dates "2026-01-01..2026-10-31"'
)


@dataclass(frozen=True, slots=True)
class Period:
    """Local dates `first` to `last`, both inclusive."""

    kind: Kind
    first: date
    last: date
    label: str

    def is_part(self, today: date) -> bool:
        """True while it is not over, and for a range that is no month, quarter, half-year or year (N11)."""
        return today <= self.last or (self.kind == "range" and not self._is_whole())

    def bounds(self, zone: tzinfo) -> tuple[int, int]:
        """First instant of it and first instant after it, in microseconds since 1970."""
        return midnight(self.first, zone), midnight(self.last + timedelta(days=1), zone)

    def before(self) -> Period | None:
        """The period of the same kind before it; None for a range and before the first year."""
        if self.kind == "range" or self.first.year <= 1970:
            return None
        return _fixed(self.kind, _shift(self.first, -_MONTHS[self.kind]))

    def months(self) -> tuple[Period, ...]:
        """Its calendar months, the first and the last cut to its dates."""
        parts: list[Period] = []
        first = self.first
        while first <= self.last:
            last = min(_shift(first.replace(day=1), 1) - timedelta(days=1), self.last)
            parts.append(Period("range", first, last, f"{first:%Y-%m}"))
            first = last + timedelta(days=1)
        return tuple(parts)

    def _is_whole(self) -> bool:
        kinds: tuple[Kind, ...] = ("month", "quarter", "half_year", "year")
        return any(
            (fixed.first, fixed.last) == (self.first, self.last) for fixed in (_fixed(k, self.first) for k in kinds)
        )


def parse(label: str, today: date) -> Period:
    """The period a label names; the month of `today` for an empty one. Raises Refused with the remedy."""
    label = label.strip() or f"{today:%Y-%m}"
    if ".." in label:
        return _range(label)
    match = _FIXED.match(label)
    if match is None or not 1970 <= int(match["year"]) <= 9000:
        raise Refused(f'"{label}" is no period: {_REMEDY}.', field="period")
    year = int(match["year"])
    if match["quarter"]:
        return _fixed("quarter", date(year, int(match["quarter"]) * 3 - 2, 1))
    if match["half"]:
        return _fixed("half_year", date(year, int(match["half"]) * 6 - 5, 1))
    if match["month"]:
        return _fixed("month", date(year, int(match["month"]), 1))
    return _fixed("year", date(year, 1, 1))


def midnight(day: date, zone: tzinfo) -> int:
    """The instant a local day begins, in microseconds since 1970."""
    start = datetime.combine(day, time(), tzinfo=zone)
    return int(start.timestamp()) * 1_000_000


def _range(label: str) -> Period:
    try:
        first, last = (date.fromisoformat(part.strip()) for part in label.split("..", 1))
    except ValueError:
        raise Refused(f'"{label}" is no range of dates: {_REMEDY}.', field="period") from None
    if not 1970 <= first.year <= last.year <= 9000 or last < first:
        raise Refused(f'"{label}" ends before it begins: {_REMEDY}.', field="period")
    return Period("range", first, last, f"{first.isoformat()}..{last.isoformat()}")


def _fixed(kind: Kind, day: date) -> Period:
    """The period of a kind that `day` lies in."""
    length = _MONTHS[kind]
    first = date(day.year, (day.month - 1) // length * length + 1, 1)
    last = _shift(first, length) - timedelta(days=1)
    labels = {
        "month": f"{first:%Y-%m}",
        "quarter": f"{first.year}-Q{(first.month + 2) // 3}",
        "half_year": f"{first.year}-H{(first.month + 5) // 6}",
        "year": str(first.year),
    }
    return Period(kind, first, last, labels[kind])


def _shift(first: date, months: int) -> date:
    """First of a month, so many months on."""
    index = first.year * 12 + first.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)
