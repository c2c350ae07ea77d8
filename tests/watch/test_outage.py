"""Outage mode: prompts and paper, records entered afterwards, who is called first, and when it is over (5.11)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.contracts.deskstream.v1 import watch_pb2
from services.kernel.errors import Missing, Refused, Unavailable
from services.watch import forms
from tests.watch.world import HOUR, MINUTE, NOON, OUTSIDER, PROFILE, SUPERVISOR, WATCHER, called, record


def test_switching_on_is_said_once_and_shows_in_the_state_of_the_desk(world):
    """H8: the supervisor switches; switching on what is on changes nothing."""
    first = world.out()
    assert world.out().version == first.version
    assert world.said == ["watch.outage_started"]
    state = world.desk.state(PROFILE)
    assert (state.outage.id, state.outage.about.mode) == ("itss_desk-outage-1", "outage")
    assert "系统恢复后第一时间" in state.rules.outage.prompt.zh


@pytest.mark.parametrize("person", [WATCHER, OUTSIDER])
def test_who_may_not_switch_is_refused_naming_who_may(world, person):
    """H8."""
    with pytest.raises(Refused, match="supervisor or desk_manager") as refused:
        world.desk.switch_outage(person, PROFILE, True, "x")
    assert refused.value.code == "forbidden"
    assert world.desk.state(PROFILE).outage is None


def test_a_desk_without_the_facet_keeps_no_watch(world):
    with pytest.raises(Missing, match="facet watch"):
        world.desk.state("generic_desk")


def test_nothing_can_be_recovered_from_while_the_mode_is_off(world):
    """H8."""
    with pytest.raises(Refused, match="off"):
        world.over()


def test_the_offline_form_has_every_field_in_the_reader_s_language(world):
    """H8: on paper or as a file, to be had before anything is down."""
    rules = world.desk.state(PROFILE).rules.outage
    lines = forms.offline_csv(rules, "zh-CN").decode("utf-8-sig").split("\r\n")
    assert lines[0].startswith("#,来电时间,姓名,联系电话")
    assert len(lines) == 22
    page = forms.offline_html(rules, "en").decode()
    assert "<th>Who is affected</th>" in page
    assert "<script" not in page


def test_a_record_entered_afterwards_is_on_the_list_with_its_times_and_who_entered_it(world):
    """H9: original time, time of entry, recorder; heard twice it is on the list once."""
    outage = world.out()
    assert world.hear(record(outage.id), record(outage.id)) == []
    [entry] = world.contacts()
    contact = entry.about
    assert (contact.received_at, contact.entered_at, contact.recorder) == (NOON + HOUR, NOON + 3 * HOUR, "li.wei")
    assert (contact.number, contact.state) == ("DS20261118-000001", "entered")


def test_a_record_that_joined_an_open_ticket_is_owed_a_call_like_any_other(world):
    """H9, H10."""
    outage = world.out()
    world.hear(record(outage.id, joined=True))
    assert len(world.contacts()) == 1


def test_what_was_not_backfilled_or_names_no_outage_is_passed_over(world):
    """H9."""
    outage = world.out()
    assert world.hear(record(outage.id, backfilled=False), record("")) == []
    assert not world.contacts()


def test_a_record_that_names_an_unknown_outage_is_parked_with_the_reason(world):
    """H9: nobody who was served on paper is lost silently."""
    lost = record("itss_desk-outage-7")
    world.hear(lost)
    assert lost.refused is not None
    assert "no outage" in lost.refused.message


def test_after_the_outage_everybody_entered_is_owed_a_call_once(world):
    """H10: also those entered while the desk recovers; a message heard again says the same again."""
    outage = world.out()
    world.hear(record(outage.id, "paper-1"))
    world.over()
    assert world.said[-1] == "watch.outage_recovering"
    assert world.turn() == ["watch.contact_owed"]
    assert world.turn() == []
    later = record(outage.id, "paper-2")
    [word] = world.hearing.hear([later], world.clock.now())
    assert [word] == world.hearing.hear([later], world.clock.now())
    assert word.key == "watch.contact_owed"
    told = watch_pb2.WatchEvent.FromString(word.body).contact
    assert (told.requester.phone, told.outage_id) == ("+8613800138001", outage.id)
    assert {entry.about.state for entry in world.contacts()} == {"owed"}
    assert world.turn(MINUTE) == []


def test_it_ends_when_nobody_waits_and_the_counts_agree(world):
    """H8, H9: the list is empty and the count on paper is met."""
    outage = world.out()
    world.hear(record(outage.id))
    world.over()
    world.turn()
    [contact] = world.contacts()
    world.desk.set_paper_count(SUPERVISOR, outage.id, 1, "")
    assert world.turn(MINUTE) == []
    world.hear(called(contact.id))
    assert world.turn(MINUTE) == ["watch.outage_ended"]
    assert world.outage().about.mode == "normal"
    assert world.desk.state(PROFILE).outage is None
    assert world.turn(MINUTE) == []


def test_a_difference_to_the_paper_keeps_it_open_until_it_is_explained(world):
    """H9."""
    outage = world.out()
    world.hear(record(outage.id))
    world.over()
    world.turn()
    world.hear(called(world.contacts()[0].id, "unreachable"))
    assert world.turn(MINUTE) == []
    world.desk.set_paper_count(SUPERVISOR, outage.id, 3, "")
    assert world.turn(MINUTE) == []
    assert world.desk.counts(outage.id) == (1, 0)
    world.desk.set_paper_count(SUPERVISOR, outage.id, 3, "两份为同一人重复登记")
    assert world.turn(MINUTE) == ["watch.outage_ended"]


def test_a_callback_about_something_else_settles_nothing(world):
    """H10."""
    outage = world.out()
    world.hear(record(outage.id))
    [contact] = world.contacts()
    world.hear(called(contact.id, kind="missed_call"))
    assert world.contacts()[0].about.state == "entered"


def test_a_contact_is_settled_by_hand_with_what_came_of_it_and_the_first_word_stays(world):
    """H10: for somebody who cannot be called."""
    outage = world.out()
    world.hear(record(outage.id))
    [contact] = world.contacts()
    world.desk.settle(SUPERVISOR, contact.id, "已当面答复")
    world.hear(called(contact.id))
    assert world.contacts()[0].about.outcome == "已当面答复 (chen.jing)"
    with pytest.raises(Refused, match="supervisor"):
        world.desk.settle(WATCHER, contact.id, "x")


def test_a_desk_that_fails_again_while_it_recovers_goes_on_with_the_same_outage(world):
    """H8."""
    first = world.out()
    world.over()
    again = world.out()
    assert (again.id, again.about.mode, again.about.recovering_at) == (first.id, "outage", None)
    assert world.said == ["watch.outage_started", "watch.outage_recovering", "watch.outage_started"]
    world.desk.set_paper_count(SUPERVISOR, first.id, 0, "")
    assert world.turn(HOUR) == []


def test_the_next_outage_is_another_one(world):
    """H8."""
    world.out()
    world.desk.set_paper_count(SUPERVISOR, world.outage().id, 0, "")
    world.over()
    assert world.turn() == ["watch.outage_ended"]
    world.clock.at += HOUR
    assert world.out().id == "itss_desk-outage-2"


def test_of_two_replicas_one_ends_the_outage(world):
    """H8: a compare-and-set, as every timer."""
    outage = world.out()
    world.desk.set_paper_count(SUPERVISOR, outage.id, 0, "")
    world.over()
    other = world.replica()
    said = [*world.turning.step(), *other.step()]
    assert [one.key for one in said] == ["watch.outage_ended"]


@pytest.mark.parametrize("count", [-1, 10_001])
def test_a_count_that_is_none_is_refused(world, count):
    """H9."""
    outage = world.out()
    with pytest.raises(Refused) as refused:
        world.desk.set_paper_count(SUPERVISOR, outage.id, count, "")
    assert refused.value.field == "count"


def test_what_the_broker_did_not_take_is_said_by_the_relay(world):
    """H8: nothing is only half done."""
    world.desk._say = lambda entry: None
    world.out()
    assert world.turn() == []
    assert world.turn(timedelta(seconds=6)) == ["watch.outage_started"]
    assert world.turn(timedelta(seconds=6)) == []


def test_what_is_owed_survives_a_step_that_failed_halfway(world, monkeypatch):
    """H8: the relay had it in hand when the database went away; it had been said to nobody."""
    world.desk._say = lambda entry: None
    world.out()
    world.clock.at += timedelta(seconds=6)

    def away(now):
        raise Unavailable("The database is away.")

    with monkeypatch.context() as broken:
        broken.setattr(world.turning, "turn", away)
        with pytest.raises(Unavailable):
            world.turn()
    assert world.turn() == ["watch.outage_started"]


def test_a_clock_put_back_hides_no_outage(world):
    """H8: the number is a new one though the last outage does not stand last by its time."""
    for expected in (1, 2, 3):
        assert world.out().id == f"itss_desk-outage-{expected}"
        world.desk.set_paper_count(SUPERVISOR, f"itss_desk-outage-{expected}", 0, "")
        world.over()
        assert "watch.outage_ended" in world.turn()
        world.clock.at -= HOUR
