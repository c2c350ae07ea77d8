"""Faults of catalogue, form and grading are told with file, line, field and remedy (S5, A18, B5, B19)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from services.profile.load import check
from tests.profile.folders import copied, spoil


class Spoilt(NamedTuple):
    """What is changed in a copy of a shipped profile, and what must be told: field, words of the sentence."""

    file: str
    old: str
    new: str
    field: str
    told: str
    profile: str = "itss_desk"


LEVELS, GENERIC = "it_callcentre_levels", "generic_desk"
HEAD = "# Every field has a help text that the agent can read out (B23).\nform:\n"


def added(field: str) -> str:
    """A form with this field before the others."""
    return f"{HEAD}  - {{name: probe, label: {{zh: 探针, en: Probe}}, {field}}}\n"


SPOILT = {
    "unknown parent": Spoilt("catalogue.yaml", "parent: erp", "parent: sap", "entries[1].parent", "collaboration"),
    "circle": Spoilt(
        "catalogue.yaml", "{key: erp, label", "{key: erp, parent: erp_account, label", "entries[0].parent", "circle"
    ),
    "unknown type of an entry": Spoilt(
        "catalogue.yaml", "types: [service_request]", "types: [wish]", "entries[1].types[0]", "complaint"
    ),
    "unknown team of an entry": Spoilt(
        "catalogue.yaml", "team: network,", "team: cables,", "entries[0].team", "applications", GENERIC
    ),
    "unknown project of an entry": Spoilt(
        "catalogue.yaml", "project: erp,", "project: moon,", "entries[0].project", "office"
    ),
    "unknown grade of an entry": Spoilt(
        "catalogue.yaml", "project: erp,", "grade: P9,", "entries[0].grade", "P1, P2, P3"
    ),
    "active below what is switched off": Spoilt(
        "catalogue.yaml", "{key: erp, label", "{key: erp, active: false, label", "entries[1].parent", "not active"
    ),
    "entry twice": Spoilt("catalogue.yaml", "key: portal", "key: erp", "entries[2].key", "twice"),
    "field of an entry twice": Spoilt(
        "catalogue.yaml", "name: extension", "name: asset_number", "entries[10].fields[0].name", "twice"
    ),
    "draft field in an entry": Spoilt(
        "catalogue.yaml", "name: extension", "name: title", "entries[6].fields[0].name", "move it to form"
    ),
    "name of the platform": Spoilt(
        "catalogue.yaml", "name: order_number", "name: major", "form[11].name", "choose another"
    ),
    "field for an unknown type": Spoilt(
        "catalogue.yaml", "only_for: {types: [complaint]}", "only_for: {types: [grudge]}",
        "form[12].only_for.types[0]", "complaint",
    ),
    "field for an unknown entry": Spoilt(
        "catalogue.yaml", HEAD, added("only_for: {entries: [fax]}"), "form[0].only_for.entries[0]", "erp"
    ),
    "choice without choices": Spoilt("catalogue.yaml", HEAD, added("kind: choice"), "form[0].choices", "list them"),
    "choices of a text": Spoilt(
        "catalogue.yaml", HEAD, added("choices: [{key: a, label: {zh: 甲, en: A}}]"), "form[0].kind", "kind: choice"
    ),
    "choice twice": Spoilt("catalogue.yaml", "{key: person,", "{key: service,", "form[12].choices[1].key", "twice"),
    "default that is no choice": Spoilt(
        "catalogue.yaml", HEAD, added("kind: yes_no, default: maybe"), "form[0].default", "not on the list"
    ),
    "default out of range": Spoilt(
        "catalogue.yaml", HEAD, added('kind: number, max: 3, default: "9"'), "form[0].default", "3 or less"
    ),
    "empty range": Spoilt(
        "catalogue.yaml", HEAD, added("kind: number, min: 3, max: 1"), "form[0].max", "exchange them"
    ),
    "bounds of the wrong kind": Spoilt("catalogue.yaml", HEAD, added("min: 3"), "form[0].min", "number"),
    "length of a date": Spoilt(
        "catalogue.yaml", HEAD, added("kind: date, max_length: 3"), "form[0].max_length", "text"
    ),
    "unknown alternative": Spoilt("catalogue.yaml", HEAD, added("any_of: [fax]"), "form[0].any_of[0]", "phone"),
    "required of the desk": Spoilt(
        "catalogue.yaml", HEAD, added("for_desk: true, required: true"), "form[0].required", "requires"
    ),
    "unknown kind": Spoilt("catalogue.yaml", HEAD, added("kind: regex"), "form[0].kind", "yes_no"),
    "text without a bound": Spoilt(
        "catalogue.yaml", HEAD, added("max_length: 99999"), "form[0].max_length", "correct the value"
    ),
    "grade of a rule": Spoilt(
        "grading.yaml", "grade: II, why", "grade: V, why", "grading.rules[2].grade", "IV", LEVELS
    ),
    "question of a rule": Spoilt(
        "grading.yaml", "when: {data_lost", "when: {data_gone", "grading.rules[1].when.data_gone", "data_lost", LEVELS
    ),
    "answer of a rule": Spoilt(
        "grading.yaml", "{data_lost: yes}", "{data_lost: perhaps}", "grading.rules[1].when.data_lost", "no, yes", LEVELS
    ),
    "question without a rule": Spoilt(
        "grading.yaml", "when: {warnings: yes}", "when: {data_lost: no}", "grading.questions[4]", "no rule", LEVELS
    ),
    "default that is no answer": Spoilt(
        "grading.yaml", "default: no,", "default: perhaps,", "grading.questions[0].default", "no, yes", LEVELS
    ),
    "rule nobody reaches": Spoilt(
        "grading.yaml", "{when: {data_lost: yes}, grade", "{when: {}, grade", "grading.rules[2]",
        "never reached", LEVELS,
    ),
    "hole in the matrix": Spoilt(
        "grading.yaml", "hindered: P1, can_wait: P2}", "hindered: P1}", "grading.matrix.grades.company",
        "impact company and urgency can_wait",
    ),
    "row of an unknown impact": Spoilt(
        "grading.yaml", "      person: {", "      planet: {", "grading.matrix.grades.planet", "company"
    ),
    "unknown grade in the matrix": Spoilt(
        "grading.yaml", "{stopped: P1", "{stopped: P0", "grading.matrix.grades.company.stopped", "P1, P2, P3"
    ),
    "model without its matrix": Spoilt(
        "grading.yaml", "model: urgency", "model: matrix", "grading.model", "add", GENERIC
    ),
    "before an unknown action": Spoilt(
        "grading.yaml", "mandatory_before: [dispatch]", "mandatory_before: [launch]", "grading.mandatory_before[0]",
        "accept",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_what_is_wrong_is_told_with_its_place_and_the_remedy(tmp_path: Path, case: Spoilt) -> None:
    folder = copied(tmp_path, case.profile)
    line = spoil(folder, case.file, case.old, case.new)
    found = check(folder)
    mine = [each for each in found if f": {case.field}: " in each]
    assert mine, found
    place, _, sentence = mine[0].partition(f": {case.field}: ")
    file, _, number = place.rpartition(":")
    assert file == f"{case.profile}/{case.file}"
    assert abs(int(number) - line) <= 25
    assert case.told in sentence


def test_too_many_extra_fields_are_refused(tmp_path: Path) -> None:
    """A request carries at most fifty."""
    rows = "".join(f"  - {{name: more_{n}, label: {{zh: 多, en: More}}}}\n" for n in range(60))
    folder = copied(tmp_path)
    spoil(folder, "catalogue.yaml", HEAD, HEAD + rows)
    assert any("at most 50" in each for each in check(folder))
