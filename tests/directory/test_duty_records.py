"""Handovers that both sign and the log of a shift; on memory and on the real database."""

from __future__ import annotations

import pytest

from services.directory.duty_records import Notes
from services.kernel.errors import Missing, Refused
from tests.directory.roster_world import World, at

SHIFT = "2025-03-12/office/desk"
NOTES = Notes("DS20250312-000003 waits for a part", "call Mr Guo before 17:00", "none")


@pytest.fixture
def shift(world: World) -> World:
    """Wednesday afternoon, the office shift is running."""
    world.filed()
    world.now = at("2025-03-12T17:00")
    return world


def log(world: World, who: str, text: str = "printer queue stuck", key: str = "", reported: bool = False) -> str:
    return world.records.log("itss_desk", SHIFT, text, True, reported, key or text, who, world.now).id


def test_a_handover_lists_what_is_open_and_both_sign(shift: World) -> None:
    """M16: open tickets, commitments, emergencies."""
    given = shift.records.give("itss_desk", SHIFT, "zhou.min", NOTES, "li.wei", shift.now)
    assert (given.commitments, given.taken_at) == (NOTES.commitments, None)
    with pytest.raises(Refused, match=r"zhou\.min takes this over"):
        shift.records.take(given.id, "li.wei", shift.now)
    taken = shift.records.take(given.id, "zhou.min", shift.now)
    assert (taken.taken_at, taken.late) == (shift.now, False)
    assert shift.records.take(given.id, "zhou.min", at("2025-03-12T17:59")) == taken


def test_taking_over_less_than_ten_minutes_before_the_end_is_late(shift: World) -> None:
    """M16: 提前10分钟到岗."""
    given = shift.records.give("itss_desk", SHIFT, "zhou.min", NOTES, "li.wei", shift.now)
    assert shift.records.take(given.id, "zhou.min", at("2025-03-12T17:51")).late


def test_giving_twice_is_one_handover(shift: World) -> None:
    first = shift.records.give("itss_desk", SHIFT, "zhou.min", NOTES, "li.wei", shift.now)
    assert shift.records.give("itss_desk", SHIFT, "zhou.min", Notes("other"), "li.wei", shift.now) == first


def test_only_those_on_the_shift_hand_it_over_and_write_its_log(shift: World) -> None:
    with pytest.raises(Refused, match="not on shift"):
        log(shift, "lu.xia")
    with pytest.raises(Refused, match="cannot take over"):
        shift.records.give("itss_desk", SHIFT, "li.wei", NOTES, "li.wei", shift.now)
    with pytest.raises(Missing):
        shift.records.give("itss_desk", "2025-03-12/noon/desk", "zhou.min", NOTES, "li.wei", shift.now)
    shift.now = at("2025-03-13T09:00")
    with pytest.raises(Refused, match="is not now"):
        log(shift, "li.wei")


def test_the_substitute_writes_for_the_absent(world: World) -> None:
    """M21."""
    world.filed()
    world.decide(world.leave("li.wei", "2025-03-12T00:00", "2025-03-13T00:00", "zheng.yan"), "sun.ning")
    world.now = at("2025-03-12T11:00")
    assert log(world, "zheng.yan")


def test_an_entry_says_whether_an_abnormal_case_was_reported(shift: World) -> None:
    """M22."""
    log(shift, "li.wei", "power cut in the east wing", reported=True)
    entries, _, _ = shift.records.day("itss_desk", "2025-03-12", shift.now)
    assert [(each.person, each.abnormal, each.reported) for each in entries] == [("li.wei", True, True)]


def test_the_same_entry_sent_twice_stands_once(shift: World) -> None:
    assert log(shift, "li.wei", key="k1") == log(shift, "li.wei", key="k1")
    assert len(shift.records.day("itss_desk", "2025-03-12", shift.now)[0]) == 1


def test_an_ended_shift_without_a_log_is_missing(shift: World) -> None:
    """M31: a shift with no log is shown as missing."""
    log(shift, "li.wei")
    shift.now = at("2025-03-13T09:00")
    _, _, missing = shift.records.day("itss_desk", "2025-03-12", shift.now)
    assert missing == ["2025-03-12/day/monitoring", "2025-03-12/night/monitoring"]


@pytest.mark.parametrize("text", ["", "   ", "x" * 4_001])
def test_an_empty_or_endless_entry_is_refused(shift: World, text: str) -> None:
    with pytest.raises(Refused) as refused:
        log(shift, "li.wei", text, key="k")
    assert refused.value.field == "text"
