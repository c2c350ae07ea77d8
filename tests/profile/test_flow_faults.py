"""Faults of flows, records and flags are told with file, line, field and remedy (S5)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from services.profile.load import check, load
from tests.profile.folders import POLICY, copied, spoil

LEVELS = "it_callcentre_levels"


class Spoilt(NamedTuple):
    """What is written into which file of which desk, and the field and words of its fault."""

    profile: str
    file: str
    old: str
    new: str
    field: str
    told: str


SPOILT = {
    "type of a flow that is not there": Spoilt(
        "itss_desk", "about.yaml", "flow: complaint", "flow: grievance", "types[3].flow", "complaint, emergency"
    ),
    "flow of no type": Spoilt(
        "itss_desk", "about.yaml", "flow: complaint", "flow: second_line", "flows.complaint", "no type"
    ),
    "state with two meanings": Spoilt(
        "itss_desk",
        "flows.yaml",
        "reopened: {zh: 重新处理",
        "reopened: {zh: 再处理",
        "flows.second_line.states.reopened",
        "another lifecycle",
    ),
    "unreachable state of a flow": Spoilt(
        "itss_desk",
        "flows.yaml",
        "to: with_leader,",
        "to: investigated,",
        "flows.complaint.states.with_leader",
        "no action leads",
    ),
    "conversion into no type": Spoilt(
        LEVELS,
        "flows.yaml",
        "becomes: consultation",
        "becomes: question",
        "flows.defect.transitions[4].becomes",
        "question",
    ),
    "conversion into a state of neither": Spoilt(
        LEVELS,
        "flows.yaml",
        "to: answering, roles",
        "to: wondering, roles",
        "flows.defect.transitions[4].to",
        "in the flow of the type consultation",
    ),
    "conversion without its type": Spoilt(
        LEVELS,
        "flows.yaml",
        "effects: [enter_flow, path_online], becomes: consultation",
        "effects: [enter_flow]",
        "flows.defect.transitions[4].effects",
        "belong together",
    ),
    "unknown team of a step": Spoilt(
        LEVELS, "flows.yaml", "team: business,", "team: sales,", "flows.defect.transitions[3].team", "business"
    ),
    "two steps for one word": Spoilt(
        LEVELS,
        "flows.yaml",
        "{subtype: [business]}",
        "{subtype: [technical]}",
        "flows.defect.transitions[3].action",
        "ambiguous",
    ),
    "word a choice does not have": Spoilt(
        LEVELS,
        "flows.yaml",
        "{subtype: [business]}",
        "{subtype: [commercial]}",
        "flows.defect.transitions[3].given.subtype[0]",
        "business",
    ),
    "record nobody keeps, needed": Spoilt(
        LEVELS, "flows.yaml", "needs: [change]", "needs: [changes]", "flows.defect.transitions[16].needs[0]", "change"
    ),
    "record nobody keeps, written": Spoilt(
        "itss_desk",
        "flows.yaml",
        "writes: finding",
        "writes: verdict",
        "flows.complaint.transitions[11].writes",
        "finding",
    ),
    "preset of no field": Spoilt(
        "itss_desk",
        "lifecycle.yaml",
        "preset: {outcome: solved}",
        "preset: {result: solved}",
        "lifecycle.transitions[4].preset.result",
        "outcome",
    ),
    "preset of no choice": Spoilt(
        "itss_desk",
        "lifecycle.yaml",
        "preset: {outcome: solved}",
        "preset: {outcome: great}",
        "lifecycle.transitions[4].preset.outcome",
        "not_attempted",
    ),
    "role of a record": Spoilt(
        "itss_desk",
        "records.yaml",
        "roles: [engineer, operations_manager]",
        "roles: [mechanic]",
        "records[10].roles[0]",
        "engineer",
    ),
    "record twice": Spoilt("itss_desk", "records.yaml", "key: options", "key: contact", "records[6].key", "twice"),
    "field of the ticket itself": Spoilt(
        "itss_desk", "records.yaml", "{name: place,", "{name: solution,", "records[9].fields[1].name", "another name"
    ),
    "asked for by a field that is none": Spoilt(
        "itss_desk", "records.yaml", "required_if: {result:", "required_if: {outcome:", "records[4]", "result"
    ),
    "demand before no action": Spoilt(
        "itss_desk", "records.yaml", "before: [begin,", "before: [start,", "records[10].demanded[0].before[0]", "begin"
    ),
    "demand for a fact that is none": Spoilt(
        "itss_desk",
        "records.yaml",
        "when: {risky:",
        "when: {dangerous:",
        "records[10].demanded[0].when.dangerous",
        "risky",
    ),
    "demand of a yes that is none": Spoilt(
        "itss_desk", "records.yaml", "yes: [protected]", "yes: [where]", "records[10].demanded[0].yes[0]", "protected"
    ),
    "role of a flag": Spoilt(
        "itss_desk",
        "records.yaml",
        "roles: [supervisor, desk_manager]}",
        "roles: [chief]}",
        "flags[5].roles[0]",
        "supervisor",
    ),
    "flag a step raises and nobody keeps": Spoilt(
        "itss_desk",
        "lifecycle.yaml",
        "flag: beyond_authority",
        "flag: too_big",
        "lifecycle.transitions",
        "beyond_authority",
    ),
    "event nobody says any more": Spoilt(
        "itss_desk", "records.yaml", "event: new_fault_found", "event: fault_seen", "notices.rules", "new_fault_found"
    ),
}


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT.keys())
def test_a_fault_of_a_flow_or_record_is_told_with_its_place_and_remedy(case: Spoilt, tmp_path: Path) -> None:
    folder = copied(tmp_path, case.profile)
    spoil(folder, case.file, case.old, case.new)
    found = check(folder)
    mine = [told for told in found if f": {case.field}" in told]
    assert mine, found
    assert case.told in mine[0]
    assert ";" in mine[0] or "(" in mine[0], "a fault without remedy"
    file, line, _ = mine[0].split(":", 2)
    assert file.startswith(f"{case.profile}/")
    assert int(line) > 0


def test_a_profile_without_flows_records_and_flags_loads(tmp_path: Path) -> None:
    """New facets have defaults, so that rule books without them stay as they were (S4)."""
    folder = copied(tmp_path, "generic_desk")
    (folder / "records.yaml").unlink()
    for old, new in ((", writes: feedback", ""), (", needs: [feedback]", "")):
        spoil(folder, "lifecycle.yaml", old, new)
    spoil(folder, "sla.yaml", "{record: [contact, feedback]}, ", "")
    text = (folder / "notices.yaml").read_text(encoding="utf-8")
    kept = [line for line in text.splitlines() if "ticket.new_fault_found" not in line]
    (folder / "notices.yaml").write_text("\n".join(kept) + "\n", encoding="utf-8")
    assert check(folder) == []
    profile = load(folder).profile
    assert (profile.flows, profile.records, profile.flags) == ({}, (), ())
    assert profile.transitions == profile.lifecycle.transitions


def test_roles_of_every_step_have_names_and_somebody_who_holds_them() -> None:
    """Q1: a profile maps its names onto neutral roles; rights attach to the neutral ones."""
    for name in ("itss_desk", "generic_desk", LEVELS):
        profile = load(POLICY / name).profile
        held = {role for person in profile.organisation.people for role in person.roles}
        for row in profile.transitions:
            for role in set(row.roles) - {"system"}:
                assert profile.roles[role].zh
            assert set(row.roles) & (held | {"system"}), row.action
