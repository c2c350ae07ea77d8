"""Statutory holidays and make-up working days of countries, by the libraries that know them (D10, 法定节假日, 调休).

China's are announced year by year: chinesecalendar has the notices of the State Council (国务院办公厅节假日安排),
holidays and make-up days both. Other countries' follow rules, which the library `holidays` knows: for every year,
make-up days only where it has them, without days that a government gives once (write those as closures).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import NamedTuple

from chinese_calendar.constants import holidays as CHINESE_HOLIDAYS  # noqa: N812 - a constant of that library.
from chinese_calendar.constants import workdays as CHINESE_MAKE_UP_DAYS  # noqa: N812

from services.profile.calendar_facet import Holidays
from services.profile.faults import Finding, Path, unknown

CHINA = "CN"
CHINA_COVERED_UNTIL = date(max(day.year for day in CHINESE_HOLIDAYS), 12, 31)
"""Last day for which the State Council's notice is known; later years count ordinary weeks."""


class Statutory(NamedTuple):
    """What a country says of a day."""

    is_holiday: Callable[[date], bool]
    is_made_up: Callable[[date], bool]
    covered_until: date | None
    """None: by rule, for every year."""


def statutory(facet: Holidays) -> Statutory:
    """The days of a country or of a part of it, which `check_holidays` has found to be known."""
    if facet.country == CHINA:
        return Statutory(CHINESE_HOLIDAYS.__contains__, CHINESE_MAKE_UP_DAYS.__contains__, CHINA_COVERED_UNTIL)
    # Loaded where a profile asks for it: most processes need no country but one.
    import holidays

    country = holidays.country_holidays(facet.country, subdiv=facet.subdivision)

    def is_made_up(day: date) -> bool:
        # Asking for a day is what makes the library work out its year.
        return day not in country and day in country.weekend_workdays

    return Statutory(country.__contains__, is_made_up, None)


def check_holidays(facet: Holidays, here: Path) -> Iterator[Finding]:
    """Countries and parts of them that no library knows."""
    if facet.country == CHINA:
        if facet.subdivision is not None:
            text = "the days of a part of China are not known; remove it and write them as closures"
            yield (*here, "subdivision"), text
        return
    import holidays

    countries = holidays.list_supported_countries(include_aliases=False)
    if facet.country not in countries:
        yield (
            (*here, "country"),
            f'the holidays of "{facet.country}" are not known; write an ISO 3166-1 code such as DE, or closures',
        )
    elif facet.subdivision is not None and facet.subdivision not in countries[facet.country]:
        yield unknown((*here, "subdivision"), f"part of {facet.country}", facet.subdivision, countries[facet.country])
