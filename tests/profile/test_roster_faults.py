"""A roster facet that cannot be followed is refused with file, line, field and remedy (S5)."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.profile.faults import ProfileFaults
from services.profile.load import load
from tests.profile.folders import POLICY, copied, spoil

FILE = "roster.yaml"


@pytest.mark.parametrize(
    ("old", "new", "field", "words"),
    [
        ("{person: zhou.min}", "{person: zhou.mi}", "patterns[0].members[1].person", 'no person "zhou.mi"'),
        ('["20:00-08:00"]', '["20:00-25:00"]', "shifts[2].spans[0]", "00:00 to 24:00"),
        ('["20:00-08:00"]', '["8pm-8am"]', "shifts[2].spans[0]", "20:00-08:00"),
        ("calendar: duty}", "calendar: dutty}", "shifts[0].calendar", 'no calendar "dutty"'),
        (
            "cycle: [day, night, rest, rest]",
            "cycle: [day, noon, rest, rest]",
            "patterns[1].cycle[1]",
            'no shift "noon"',
        ),
        ("shift: office", "shift: offices", "patterns[0].shift", "works one shift"),
        ("group: a, post: info", "group: e, post: info", "patterns[1].members[1].group", 'no group "e"'),
        ("required: {agent: 1}", "required: {watcher: 1}", "patterns[0].required.watcher", "nobody of the pattern"),
        ("receiver: quality", "receiver: qualities", "filing.receiver", 'no role "qualities"'),
        ("consent: operations_manager", "consent: null", "filing.consent", "name the role"),
        ("{person: li.wei, exam", "{person: li.we, exam", "qualification.people[0].person", 'no person "li.we"'),
        ("confirmed_by: sun.ning", "confirmed_by: li.wei", "qualification.people[0].confirmed_by", "themselves"),
        ("{person: zhou.min}", "{person: wei.dong}", "patterns[1].members[0]", "two shifts at once"),
    ],
)
def test_a_fault_is_told_with_its_place_and_remedy(tmp_path: Path, old: str, new: str, field: str, words: str) -> None:
    folder = copied(tmp_path)
    line = spoil(folder, FILE, old, new)
    with pytest.raises(ProfileFaults) as refused:
        load(folder)
    told = next(each for each in refused.value.found if each.field == f"roster.{field}")
    assert words in told.message
    assert told.file == f"itss_desk/{FILE}"
    if "two shifts" not in words:
        assert abs(told.line - line) <= 1


def test_a_profile_without_the_facet_loads() -> None:
    assert load(POLICY / "generic_desk").profile.roster is None
