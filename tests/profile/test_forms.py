"""What the form asks of whom, and what may stand in a field (A7, A18, B2, B19, B23)."""

from __future__ import annotations

from typing import Any

import pytest

from services.profile.catalogue import Catalogue
from services.profile.forms import FormField
from services.profile.load import LoadedProfile, load
from services.profile.schema import Condition
from tests.profile.folders import NAMES, POLICY

DESKS = {name: load(POLICY / name) for name in NAMES}


def field(**more: Any) -> FormField:
    return FormField.model_validate({"name": "probe", "label": {"zh": "探针", "en": "Probe"}} | more)


def faults(desk: LoadedProfile, **values: str) -> set[str]:
    return {fault.field for fault in desk.profile.catalogue.faults(lambda name: values.get(name, ""))}


def fault(probe: FormField, text: str) -> Any:
    """The judgement of one value by the catalogue of a shipped desk."""
    catalogue: Catalogue = DESKS["itss_desk"].profile.catalogue
    return catalogue.fault_of(probe, text)


GOOD = [
    ({"kind": "number", "min": 1, "max": 10}, ["1", "10", "9.5", "+3"]),
    ({"kind": "date"}, ["2026-02-28"]),
    ({"kind": "time"}, ["2026-11-21T10:00", "2026-11-21T10:00:00+08:00"]),
    ({"kind": "yes_no"}, ["yes", "no"]),
    ({"kind": "choice", "choices": [{"key": "a", "label": {"zh": "甲", "en": "A"}}]}, ["a"]),
    ({"kind": "phone"}, ["13800138001", "8001"]),
    ({"kind": "email"}, ["he.jie@corp.example"]),
    ({"min_length": 2, "max_length": 4}, ["甲乙", "abcd"]),
    ({}, ["x" * 400]),
    ({"kind": "long_text"}, ["长" * 4000]),
]
BAD = [
    ({"kind": "number", "min": 1, "max": 10}, ["0", "11", "ten", "1e3", "1,5", "١", "9" * 400, "nan", "inf", "1_0"]),
    ({"kind": "date"}, ["2026-02-30", "20260228", "2026-W01-1", "tomorrow", "２０２６-02-28"]),
    ({"kind": "time"}, ["10 o'clock", "2026-13-01T00:00", "2" * 500]),
    ({"kind": "yes_no"}, ["maybe", "是"]),
    ({"kind": "choice", "choices": [{"key": "a", "label": {"zh": "甲", "en": "A"}}]}, ["b", "甲"]),
    ({"kind": "phone"}, ["1380013800"]),
    ({"kind": "email"}, ["he.jie", "a@" + "b" * 500]),
    ({"min_length": 2, "max_length": 4}, ["甲", "abcde"]),
    ({}, ["x" * 401]),
    ({"kind": "long_text"}, ["长" * 4001]),
]


@pytest.mark.parametrize(("more", "texts"), GOOD)
def test_what_has_the_form_of_its_field_is_taken(more: dict[str, Any], texts: list[str]) -> None:
    assert [fault(field(**more), text) for text in texts] == [None] * len(texts)


@pytest.mark.parametrize(("more", "texts"), BAD)
def test_what_has_not_is_refused_naming_the_field_in_both_languages(more: dict[str, Any], texts: list[str]) -> None:
    """A7, B19: every value has bounds."""
    for text in texts:
        told = fault(field(**more), text)
        assert told is not None, text
        assert told.field == "probe"
        assert told.zh != told.en
        assert len(told.en) < 400


def test_an_empty_field_has_no_form() -> None:
    assert fault(field(kind="number"), "") is None


def test_a_label_in_either_language_is_read_as_its_key() -> None:
    catalogue = DESKS["itss_desk"].profile.catalogue
    about = catalogue.by_name["complaint_about"]
    assert [catalogue.key_of(about, text) for text in ("人员", "PERSON", "person", "sky")] == [*["person"] * 3, "sky"]
    yes_no = field(kind="yes_no")
    assert [catalogue.key_of(yes_no, text) for text in ("是", "Yes", "true", "否")] == ["yes", "yes", "yes", "no"]
    entry = catalogue.by_name["entry"]
    whole = catalogue.entry_label("telephone_repair").en
    assert {catalogue.key_of(entry, text) for text in ("报修", "Repair", whole)} == {"telephone_repair"}


# Section 3.2 of the requirements and X8; complaint and suggestion of the first come from 000 §3.2.3 and 002 §4, the
# fault of the last from 003-01 §1.1, whose levels it has; emergencies are those of section 5.10.
TYPES = {
    "itss_desk": {"incident", "service_request", "consultation", "complaint", "suggestion", "emergency"},
    "generic_desk": {"consultation", "fault", "demand"},
    "it_callcentre_levels": {"consultation", "fault", "system_defect", "emergency"},
}


@pytest.mark.parametrize("name", NAMES)
def test_each_profile_offers_exactly_its_own_types(name: str) -> None:
    """B2, B3: each with a neutral type."""
    profile = DESKS[name].profile
    assert set(profile.catalogue.options(profile.catalogue.by_name["type"])) == TYPES[name]
    assert all(each.neutral for each in profile.types)


def test_the_catalogue_lists_what_the_yearly_report_lists() -> None:
    """A18: 002 section 1.1."""
    tops = {each.key for each in DESKS["itss_desk"].profile.entries if each.parent is None}
    assert tops == {
        *("erp", "portal", "collaboration", "production", "marketing"),
        *("telephone", "desktop", "network"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_every_field_has_a_help_text_to_read_out_in_both_languages(name: str) -> None:
    """B23"""
    for each in DESKS[name].profile.catalogue.fields:
        assert each.help is not None, each.name
        assert each.help.zh.strip(), each.name
        assert each.help.en.strip(), each.name


def test_a_field_is_asked_for_its_types_and_entries_and_what_is_below_them() -> None:
    """B19: extra fields per type; the fields of an entry hold for those below it (A18)."""
    catalogue = DESKS["itss_desk"].profile.catalogue

    def asked(kind: str, entry: str) -> set[str]:
        return {each.name for each in catalogue.asked(kind, entry)} & set(catalogue.extra)

    assert asked("incident", "erp") == {"order_number"}
    assert asked("complaint", "") == {"order_number", "complaint_about", "complaint_demand"}
    assert asked("incident", "telephone_repair") == {"order_number", "extension"}
    assert "installation_address" in asked("service_request", "telephone_installation")


def test_a_required_field_is_missed_only_where_it_is_asked() -> None:
    """A7, B19"""
    desk = DESKS["itss_desk"]
    given = {"name": "何洁", "description": "装一部电话", "type": "service_request"}
    assert faults(desk, **given, entry="telephone_installation") == {"installation_address"}
    assert faults(desk, **given, entry="telephone") == set()


def test_scope_of_impact_is_asked_under_the_template_and_not_elsewhere() -> None:
    """A7"""
    given = {"name": "孟慧", "department": "市场部", "phone": "13700137001", "description": "无法上网", "type": "fault"}
    given["occurred_at"] = "2026-11-20T09:00:00Z"
    assert faults(DESKS["generic_desk"], **given) == {"impact_scope"}
    assert faults(DESKS["it_callcentre_levels"], **given | {"type": "system_defect"}) == set()


def test_an_entry_takes_only_its_own_types() -> None:
    """A18"""
    desk = DESKS["itss_desk"]
    given = {"name": "何洁", "description": "报修", "entry": "telephone_repair"}
    assert faults(desk, **given, type="incident") == set()
    assert faults(desk, **given, type="suggestion") == {"entry"}
    offered = desk.profile.catalogue.options(desk.profile.catalogue.by_name["entry"], "suggestion")
    assert "telephone_repair" not in offered
    assert "network" in offered


def test_an_entry_that_is_switched_off_is_offered_no_more() -> None:
    """A18"""
    profile = DESKS["itss_desk"].profile
    off = [each.model_copy(update={"active": each.key != "network"}) for each in profile.entries]
    changed = profile.model_copy(update={"entries": tuple(off)})
    catalogue = Catalogue(changed)
    assert "network" not in catalogue.listed("entry")
    told = catalogue.entry_fault("incident", "network")
    assert told is not None
    assert told.field == "entry"


def test_an_entry_has_from_the_one_above_what_it_leaves_out() -> None:
    """A18"""
    catalogue = DESKS["itss_desk"].profile.catalogue
    assert catalogue.default_of("erp_account", "project") == "erp"
    assert DESKS["generic_desk"].profile.catalogue.default_of("printers", "team") == "terminals"
    assert catalogue.default_of("network", "team") == catalogue.default_of("nowhere", "team") == ""


def test_the_defect_form_asks_what_a_consultation_is_not_asked() -> None:
    """B12"""
    catalogue = DESKS["it_callcentre_levels"].profile.catalogue
    names = {kind: {each.name for each in catalogue.asked(kind, "")} for kind in ("system_defect", "consultation")}
    more = {"module", "operation", "expected", "reproducible", "people_affected"}
    assert names["system_defect"] - names["consultation"] == more


def test_a_condition_on_an_entry_holds_for_those_below_it() -> None:
    """A18: clocks and notices of an entry do not forget its branches."""
    catalogue = DESKS["itss_desk"].profile.catalogue
    phones = {"telephone", "telephone_lookup", "telephone_installation", "telephone_repair"}
    assert set(catalogue.widened(Condition(entry=("telephone",))).entry) == phones
    always = Condition(type=("incident",))
    assert catalogue.widened(always) == always
