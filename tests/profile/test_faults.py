"""Every fault of a profile is told with file, line, field and remedy (S5)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from services.profile.faults import ProfileFaults
from services.profile.load import check, load
from tests.profile.folders import NAMES, POLICY, copied, spoil


class Spoilt(NamedTuple):
    """What is changed in a copy of itss_desk, and what must be told: field, words of the sentence, lines below."""

    file: str
    old: str
    new: str
    field: str
    told: str
    down: int = 0


SPOILT = {
    "unknown facet": Spoilt("kpi.yaml", "kpi:", "kpy:", "kpy", "not known here"),
    "misspelt key": Spoilt("sla.yaml", "stop: responded", "stopp: responded", "sla.clocks[0].stop", "missing", -3),
    "bad duration": Spoilt("sla.yaml", "{default: 30m}", "{default: 30min}", "sla.clocks[0].limit.default", '"30m"'),
    "endless limit": Spoilt("sla.yaml", "{default: 30m}", "{default: 9999d}", "sla.clocks[0].limit.default", "shorter"),
    "unknown timezone": Spoilt("about.yaml", "Asia/Shanghai", "Asia/Peking", "profile.timezone", "Asia/Shanghai"),
    "unknown default type": Spoilt(
        "about.yaml", "default_type: incident", "default_type: fault", "default_type", "incident"
    ),
    "unknown default grade": Spoilt("grading.yaml", "default: null", "default: P9", "grading.default", "P1, P2, P3"),
    "unknown service hours": Spoilt(
        "calendar.yaml", "service_hours: duty", "service_hours: night", "service_hours", "always, duty"
    ),
    "overlapping periods": Spoilt(
        "calendar.yaml",
        "spans: [08:00-17:30]",
        "spans: [08:00-12:00, 11:30-17:30]",
        "calendars.duty.seasons[0].spans",
        "overlaps",
    ),
    "unreadable period": Spoilt(
        "calendar.yaml", "08:00-17:30", "8-17", "calendars.duty.seasons[0].spans", "09:00-12:00"
    ),
    "overlapping seasons": Spoilt(
        "calendar.yaml", "first: 10-01", "first: 09-15", "calendars.duty.seasons[1]", "overlaps"
    ),
    "gap between seasons": Spoilt(
        "calendar.yaml", "last: 09-30", "last: 09-15", "calendars.duty.seasons", "without hours", -1
    ),
    "unknown team in a rule": Spoilt(
        "routing.yaml", "{team: desk}", "{team: helpdesk}", "routing.rules[2].to.team", "desk"
    ),
    "unknown type in a condition": Spoilt(
        "routing.yaml", "type: [complaint]", "type: [grievance]", "routing.rules[1].when.type[0]", "complaint"
    ),
    "unknown grade in a condition": Spoilt(
        "routing.yaml", "grade: [P1]", "grade: [P7]", "routing.rules[0].when.grade[0]", "P1"
    ),
    "unknown entry in a condition": Spoilt(
        "routing.yaml", "type: [complaint]", "entry: [fax]", "routing.rules[1].when.entry[0]", "erp"
    ),
    "rule id twice": Spoilt("routing.yaml", "id: desk_first", "id: emergency_first", "routing.rules[2].id", "twice"),
    "unknown team for the unmatched": Spoilt(
        "routing.yaml", "unmatched_team: supervisors", "unmatched_team: lost", "routing.unmatched_team", "supervisors"
    ),
    "milestone nobody marks": Spoilt(
        "sla.yaml", "stop: triaged", "stop: triagged", "sla.clocks[1].stop", "no transition marks"
    ),
    "unknown calendar of a clock": Spoilt(
        "sla.yaml", "calendar: always", "calendar: allways", "sla.clocks[0].calendar", "always"
    ),
    "unknown grade of a limit": Spoilt("sla.yaml", "P1: 1h", "P0: 1h", "sla.clocks[2].limit.P0", "P1"),
    "unknown role in the chain": Spoilt(
        "sla.yaml", "chain: [team_leader", "chain: [chief", "sla.escalation.chain[0]", "team_leader"
    ),
    "clock that waits for itself": Spoilt(
        "sla.yaml", "stop: called_back", "stop: called_back\n      only_if_breached: callback",
        "sla.clocks[4].only_if_breached", "other clock", 1,
    ),
    "unknown state": Spoilt("lifecycle.yaml", "to: accepted", "to: taken", "lifecycle.transitions[6].to", '"taken"'),
    "unreachable state": Spoilt(
        "lifecycle.yaml", "from: [classified], to: declined", "from: [classified], to: withdrawn",
        "lifecycle.states.declined", "no action leads",
        -10,
    ),
    "dead end": Spoilt(
        "lifecycle.yaml", "phase: cancelled}\n    declined", "phase: open}\n    declined", "lifecycle.states.withdrawn",
        "no action leaves",
    ),
    "ambiguous action": Spoilt(
        "lifecycle.yaml", "action: reject, from", "action: accept, from", "lifecycle.transitions[7].action", "ambiguous"
    ),
    "step out of an end": Spoilt(
        "lifecycle.yaml", "from: [dispatched], to: accepted", "from: [dispatched, closed], to: accepted",
        "lifecycle.transitions[6].from[1]", "is an end",
    ),
    "unknown role in the lifecycle": Spoilt(
        "lifecycle.yaml", "roles: [engineer], event: started", "roles: [mechanic], event: started",
        "lifecycle.transitions[9].roles[0]", '"mechanic"',
    ),
    "unknown guard": Spoilt(
        "lifecycle.yaml", "guards: [project_has_manager]", "guards: [project_is_nice]",
        "lifecycle.transitions[5].guards[0]", "project_has_manager",
    ),
    "unknown opening": Spoilt(
        "lifecycle.yaml", "opening: [record, classify]", "opening: [record, sort]", "lifecycle.opening[1]", '"sort"'
    ),
    "unknown recipient": Spoilt(
        "notices.yaml", "to: [quality]", "to: [press]", "notices.rules[21].to[0]", "escalation_role"
    ),
    "unknown template": Spoilt(
        "notices.yaml", "template: survey", "template: poll", "notices.rules[20].template", "acknowledgement"
    ),
    "event nobody says": Spoilt("notices.yaml", "on: sla.warned", "on: sla.hot", "notices.rules[4].on", "sla.warned"),
    "template in one language": Spoilt(
        "notices.yaml",
        '      en: {subject: "[{{ ticket.number }}] Closed", '
        'text: "Ticket {{ ticket.number }} has been closed. Thank you; our hotline is {{ hotline }}.\\n"}\n',
        "",
        "notices.templates.closed",
        "en",
        -2,
    ),
    "scale without a question": Spoilt(
        "callback.yaml", "key: satisfaction", "key: contentment", "survey.questions", "satisfaction", -4
    ),
    "cleared but never marked": Spoilt(
        "lifecycle.yaml", "clears: [triaged,", "clears: [tried,", "lifecycle.transitions[7].clears[0]", "no other"
    ),
    "taken back a callback": Spoilt(
        "lifecycle.yaml", "clears: [triaged,", "clears: [confirmed,", "lifecycle.transitions[7].clears", "new_cycle"
    ),
    "unknown callback role": Spoilt(
        "callback.yaml", "online: [team_leader]", "online: [leader]", "callback.roles.online[0]", "team_leader"
    ),
    "unknown manager": Spoilt(
        "organisation.yaml", "manager: liu.yang", "manager: liu.yan", "organisation.projects[1].manager", "liu.yan"
    ),
    "manager without the role": Spoilt(
        "organisation.yaml", "manager: liu.yang", "manager: li.wei", "organisation.projects[1].manager", "project_"
    ),
    "person twice": Spoilt(
        "organisation.yaml", "{id: zhou.min", "{id: li.wei", "organisation.people[1].id", "twice"
    ),
    "unknown role of a person": Spoilt(
        "organisation.yaml", "roles: [quality, reporter]", "roles: [qa]", "organisation.people[7].roles[0]", '"qa"'
    ),
    "unknown team of a person": Spoilt(
        "organisation.yaml", "teams: [desk], skills: {erp", "teams: [desks], skills: {erp",
        "organisation.people[0].teams[0]", '"desks"',
    ),
    "unknown person on duty": Spoilt(
        "organisation.yaml", "people: [li.wei, z", "people: [lee.wei, z", "organisation.duty[0].people[0]", "lee.wei"
    ),
    "substitutes in a circle": Spoilt(
        "organisation.yaml",
        "substitute: huang.lei}",
        "substitute: huang.lei}\n    - {person: huang.lei, first: 2025-05-08, last: 2025-05-20, substitute: xu.ling}",
        "organisation.absences[0].substitute",
        "circle",
    ),
    "own substitute": Spoilt(
        "organisation.yaml", "substitute: huang.lei}", "substitute: xu.ling}", "organisation.absences[0].substitute",
        "circle",
    ),
    "absence backwards": Spoilt(
        "organisation.yaml", "last: 2025-05-09", "last: 2025-05-01", "organisation.absences[0].last", "exchange"
    ),
    "number for a text": Spoilt(
        "organisation.yaml", '"13800138002"', "13800138002", "organisation.customers[1].phones[0]", "quotes"
    ),
    "key twice": Spoilt("kpi.yaml", "answer_seconds: 20", "answer_seconds: 20\n  answer_seconds: 30",
                        "kpi.answer_seconds", "twice", 1),
    "facet in two files": Spoilt("sla.yaml", "sla:", "kpi: {}\nsla:", "kpi", "kpi.yaml"),
    "anchor": Spoilt("kpi.yaml", "kpi:", "kpi: &all", "(file)", "anchors"),
    "alias": Spoilt("kpi.yaml", "kpi:", "copy: *all\nkpi:", "(file)", "anchors"),
    "tag": Spoilt("kpi.yaml", "kpi:", "kpi: !!python/object:os.system", "(file)", "tag"),
    "no YAML": Spoilt("kpi.yaml", "kpi:", "kpi: [", "(file)", "no YAML", 2),
    "extends nobody": Spoilt("kpi.yaml", "kpi:", "extends: nobody\nkpi:", "extends", "nobody"),
    "extends itself": Spoilt("kpi.yaml", "kpi:", "extends: itss_desk\nkpi:", "extends", "circle"),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_shipped_profile_is_without_faults(name: str) -> None:
    """S1, S5."""
    assert check(POLICY / name) == []
    assert load(POLICY / name).name == name


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT.keys())
def test_a_fault_is_told_with_file_line_field_and_remedy(case: Spoilt, tmp_path: Path) -> None:
    """S5."""
    folder = copied(tmp_path)
    line = spoil(folder, case.file, case.old, case.new) + case.down
    found = check(folder)
    start = f"itss_desk/{case.file}:"
    mine = [told for told in found if told.startswith(start) and f": {case.field}: " in told]
    assert mine, found
    assert mine[0].startswith(f"{start}{line}: {case.field}: "), (line, found)
    assert case.told in mine[0]
    assert ";" in mine[0] or "(" in mine[0], "a fault without remedy"


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    """S5: a list of errors."""
    folder = copied(tmp_path)
    spoil(folder, "routing.yaml", "{team: desk}", "{team: helpdesk}")
    spoil(folder, "sla.yaml", "stop: triaged", "stop: triagged")
    spoil(folder, "organisation.yaml", "manager: liu.yang", "manager: nobody.here")
    with pytest.raises(ProfileFaults) as refused:
        load(folder)
    assert [fault.file for fault in refused.value.found] == [
        "itss_desk/organisation.yaml",
        "itss_desk/routing.yaml",
        "itss_desk/sla.yaml",
    ]


def test_an_empty_or_missing_folder_is_a_fault_and_not_a_traceback(tmp_path: Path) -> None:
    assert "add about.yaml" in check(tmp_path / "nowhere")[0]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"kpi: \xff\xfe", "UTF-8"),
        (b"- a\n- b\n", "begin with a key"),
        (b"kpi: " + b"[" * 200 + b"]" * 200, "levels"),
        (b"kpi: [" + b"1," * 70_000 + b"1]", "values"),
        (b"#" * (600 * 1024), "KiB"),
        (b"kpi: \x00", "no YAML"),
        (b'surrogate: "\\ud800"', "hostile.yaml"),
        (b"huge: " + b"9" * 9000, "not known here"),
        (b"? [a, b]\n: c\n", "key must be a word"),
    ],
)
def test_hostile_files_are_refused_in_a_sentence(content: bytes, told: str, tmp_path: Path) -> None:
    folder = copied(tmp_path)
    (folder / "hostile.yaml").write_bytes(content)
    assert any("hostile.yaml" in fault and told in fault for fault in check(folder)), check(folder)
