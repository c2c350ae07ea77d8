"""The assignment facet: what it says, and what is refused at load with file, line and remedy (S5, M28)."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.profile.load import check, load
from tests.profile.folders import NAMES, POLICY, copied, spoil

FILE = "assignment.yaml"
SPOILT = {
    "unknown team": ("  desk:\n", "  helpdesk:\n", "assignment.helpdesk", "desk, emergency"),
    "unknown way": ("longest_idle", "fastest", "assignment.emergency.choose", "least_loaded"),
    "unknown channel": ("phone: 1", "fax: 1", "assignment.emergency.capacity.channels.fax.[key]", "phone"),
    "unknown grade": ("[P1]", "[P9]", "assignment.emergency.weights[0].when.grade[0]", "P1"),
    "too heavy": ("default: 5", "default: 2", "assignment.emergency.capacity.default", "weight 3;"),
    "unknown state": ("classified]", "sorted]", "assignment.emergency.take_back.states[1]", "classified"),
    "no time": ("15m", "0s", "assignment.emergency.take_back.after", "30m"),
    "working days": ("30m", "2wd", "assignment.emergency.overflow.after", "30m"),
    "unknown second team": ("to: supervisors", "to: nobody", "assignment.emergency.overflow.to", "supervisors"),
    "a circle": ("to: supervisors", "to: emergency", "assignment.emergency.overflow.to", "leads back"),
    "unknown calendar": ("calendar: always", "calendar: moon", "assignment.emergency.calendar", "duty"),
    "unknown person": (
        "{default: 5,",
        "{default: 5, people: {no.body: 1},",
        "assignment.emergency.capacity.people.no.body",
        "li.wei",
    ),
    "a skill nobody has": (
        "choose: longest_idle",
        "skills: [{skill: diving}]",
        "assignment.emergency.skills[0].skill",
        "lower the level",
    ),
}


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT.keys())
def test_a_fault_in_how_a_team_gets_its_work_is_told_with_line_and_remedy(
    case: tuple[str, str, str, str], tmp_path: Path
) -> None:
    """S5."""
    old, new, field, told = case
    folder = copied(tmp_path)
    line = spoil(folder, FILE, old, new)
    found = [each for each in check(folder) if f": {field}: " in each]
    assert found, check(folder)
    assert found[0].startswith(f"itss_desk/{FILE}:{line}: "), found
    assert told in found[0]


def test_a_profile_without_the_facet_pulls(tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / FILE).unlink()
    assert load(folder).profile.assignment == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_desk_pushes_to_one_team_and_lets_the_others_claim(name: str) -> None:
    """C22."""
    assignment = load(POLICY / name).profile.assignment
    assert [work.mode for work in assignment.values()].count("push") == 1
