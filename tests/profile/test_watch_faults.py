"""A watch facet that cannot be followed is refused with file, line, field and remedy (S5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.profile.faults import ProfileFaults
from services.profile.load import load
from tests.profile.folders import POLICY, copied, spoil

FILE = "watch.yaml"


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("[supervisor, desk_manager]", "[supervisr]", "outage.switched_by", 'no role "supervisr"'),
        ("{key: name,", "{key: phone,", "outage.form[2].key", "appears twice"),
        ("longest: 30d", "longest: 2wd", "notices.longest", "without working days"),
        ("tell: shift_leader", "tell: shift_leaders", "findings.tell", 'no role "shift_leaders"'),
        ("within: 5m", "within: 5s", "surge.within", "between 1m and 6h"),
        ("calls: 40", "calls: 1", "surge.calls", "2"),
        ("within: 90m", "within: 30h", "schedules[0].within", "between 1m and 24h"),
        ("persons: [lu.xia, ren.jie]", "persons: [lu.xi]", "schedules[0].persons[0]", 'no person "lu.xi"'),
        ("weekday: sun", "day: 3", "schedules[2].weekday", "belongs to a weekly"),
        ("day: 15", "day: 29", "schedules[3].day", "28"),
        ('at: "08:30"', 'at: "8:30"', "schedules[0].at", ""),
        ("tell: [desk_manager, supervisor]", "tell: [nobody]", "schedules[3].tell", 'no role "nobody"'),
    ],
)
def test_a_fault_is_told_with_its_place_and_remedy(tmp_path: Path, old: str, new: str, field: str, words: str) -> None:
    """H4, H5, H8, H12, H16: as data, judged when the profile is loaded."""
    folder = copied(tmp_path)
    spoil(folder, FILE, old, new)
    with pytest.raises(ProfileFaults) as refused:
        load(folder)
    told = next(each for each in refused.value.found if each.field == f"watch.{field}")
    assert words in told.message
    assert told.file == f"itss_desk/{FILE}"


def test_a_profile_without_the_facet_loads() -> None:
    assert load(POLICY / "generic_desk").profile.watch is None
