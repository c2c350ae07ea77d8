"""Which events tell whom, in which words, and how often: once."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.callbacks.wording import brief_of as callback_brief
from services.callbacks.wording import brief_of_owed as owed_brief
from services.contracts.deskstream.v1 import callbacks_pb2, common_pb2, sla_pb2, ticket_pb2
from services.notifications import facts as reading
from services.notifications.handlers import settle
from services.notifications.model import Result
from services.runtime.message import Heard, Said
from services.sla.hearing import _brief as sla_brief
from tests.notifications.world import (
    NOON,
    NUMBER,
    FakeDeliveries,
    armed,
    brief,
    callback_due,
    delivery,
    notices,
    on_ticket,
    profiles,
    ticket,
)


def told(*events):
    """What a fresh desk keeps after these events."""
    kept = FakeDeliveries()
    notices(kept).hear(list(events), NOON)
    return list(kept.kept.values())


def test_the_requester_is_told_number_and_next_due_time_when_the_clocks_are_armed():
    """A24: within the requester's own language and the desk's local time."""
    [one] = told(armed())
    assert (one.recipient, one.way, one.address, one.template) == (
        "zhang.san",
        "smtp",
        "zhang@a.example",
        "acknowledgement",
    )
    assert NUMBER in one.subject
    assert NUMBER in one.text
    assert "2026-11-18 12:30" in one.text


def test_an_english_reader_is_told_in_english():
    english = common_pb2.Requester(id="smith", name="Smith", email="smith@a.example", language="en-GB")
    [one] = told(armed(requester=english))
    assert (one.language, one.subject) == ("en", f"[{NUMBER}] Received: 打印机")


def test_clocks_armed_again_acknowledge_nothing_again():
    """A24, O10: a changed grade or a reopened ticket arms anew."""
    assert len(told(armed("first"), armed("regraded"), armed("reopened", cycle=1))) == 1


def test_a_requester_without_an_address_is_passed_over():
    assert told(armed(requester=common_pb2.Requester(name="来电者", phone="+8613800138000"))) == []


def test_an_urgent_ticket_tells_its_engineer_by_every_way_at_once():
    """O1."""
    engineer = next(p for p in _people() if "engineer" in p.roles and p.addresses)
    ways = {one.way for one in told(on_ticket("assigned", assignee=engineer.id)) if one.recipient == engineer.id}
    assert ways == set(engineer.addresses)
    assert told(on_ticket("assigned", assignee=engineer.id, grade="P3", priority=3)) == []


def test_a_state_the_requester_may_see_sends_one_message():
    """O2."""
    assert [(one.template, one.recipient) for one in told(on_ticket("confirmed"))] == [("resolved", "zhang.san")]


def test_what_an_engineer_solved_reaches_the_user_through_the_desk():
    """E3: not on the engineer's word; what the desk solved itself is told at once."""
    assert told(on_ticket("resolved", path="dispatched")) == []
    assert [one.template for one in told(on_ticket("resolved", path="online"))] == ["resolved"]
    [confirmed] = told(on_ticket("confirmed", path="dispatched"))
    assert (confirmed.template, confirmed.recipient) == ("resolved", "zhang.san")


def test_the_reply_to_a_defect_has_the_form_the_method_the_analysis_and_the_cause():
    """E8, E10."""
    body = ticket_pb2.TicketEvent(event="replied", ticket=ticket(profile="it_callcentre_levels", solution="修正配置"))
    body.ticket.records.append(ticket_pb2.Record(kind="reply", values={"analysis": "核对规则", "cause": "配置遗漏"}))
    body.changes.append(ticket_pb2.Change(field="record", new="reply"))
    body.at.FromDatetime(NOON)
    found = told(Said("ticket.replied", body, "r-1", subject=NUMBER, time=NOON).as_heard())
    [reply] = [one for one in found if one.template == "reply"]
    for words in ("打印机", "修正配置", "核对规则", "配置遗漏"):
        assert words in reply.subject + reply.text


def test_an_escalation_reaches_its_role_even_when_nobody_is_on_duty():
    """O5."""
    body = sla_pb2.EscalationEvent(ticket=brief(), clock="response", role="desk_manager")
    body.at.FromDatetime(NOON.replace(hour=18))
    found = told(Said("escalation.raised", body, "e-1", time=NOON).as_heard())
    managers = {person.id for person in _people() if "desk_manager" in person.roles}
    assert {one.recipient for one in found} <= managers
    assert found
    assert all("升级" in one.subject or "Escalated" in one.subject for one in found)


def test_a_callback_that_comes_up_again_reminds_the_desk_but_not_the_requester():
    """F24, O10: the requester has the link already."""
    found = told(callback_due(0), callback_due(1))
    surveys = [one for one in found if one.template == "survey"]
    assert [one.recipient for one in surveys] == ["zhang.san"]
    assert f"https://desk.example/s/token-of-{NUMBER}/0" in surveys[0].text
    assert len([one for one in found if one.template == "callback_due"]) >= 2


@pytest.mark.parametrize("role", ["team_leader", "desk_manager"])
def test_those_who_may_make_the_callback_are_reminded(role):
    """F3."""
    holders = {p.id: p.roles for p in _people()}
    found = [one for one in told(callback_due(role=role)) if one.template == "callback_due"]
    assert found
    assert all(role in holders[one.recipient] for one in found)


@given(order=st.permutations([0, 1, 2, 3] * 5), sizes=st.lists(st.integers(1, 5), min_size=20, max_size=20))
@settings(max_examples=60, deadline=None)
def test_events_heard_up_to_five_times_and_shuffled_tell_everybody_once(order, sizes):
    """O10."""
    story = [armed("a"), on_ticket("confirmed"), on_ticket("closed", state="closed"), callback_due()]
    expected = {one.id for one in told(*story)}
    kept = FakeDeliveries()
    handlers, left, new = notices(kept), [story[place] for place in order], 0
    for size in sizes:
        batch, left = left[:size], left[size:]
        new += handlers.hear(batch, NOON)
    new += handlers.hear(left, NOON)
    assert set(kept.kept) == expected
    assert new == len(expected)


def test_a_message_carries_neither_telephone_nor_description():
    """O11, P14."""
    for one in told(on_ticket("confirmed"), on_ticket("closed"), armed(), callback_due()):
        assert "13800138000" not in one.subject + one.text
        assert "机密" not in one.subject + one.text


@pytest.mark.parametrize("named", ["id", "name"])
def test_the_person_complained_about_is_not_told(named: str):
    """P12, C28: whichever way the requester names them; most write a name."""
    engineer = next(p for p in _people() if "engineer" in p.roles and p.addresses)
    assert told(on_ticket("assigned", assignee=engineer.id, accused=getattr(engineer, named))) == []


def test_nor_when_its_clock_or_its_callback_speaks():
    """P12, C28: limits and callbacks of a complaint are news of it, too."""
    due = callback_due().decode(callbacks_pb2.CallbackEvent)
    raised = sla_pb2.EscalationEvent(ticket=brief(), role="desk_manager")
    for key, body, about in (("callback.due", due, due.task.ticket), ("escalation.raised", raised, raised.ticket)):
        before = {one.recipient for one in told(Said(key, body, "e", time=NOON).as_heard())}
        named = next(person for person in _people() if person.id in before)
        about.accused = named.name
        assert {one.recipient for one in told(Said(key, body, "e", time=NOON).as_heard())} == before - {named.id}


def test_limits_and_callbacks_know_whom_a_complaint_is_about():
    """C28: what they say of a ticket carries it to whoever tells people."""
    about = ticket(accused="李伟")
    for brief_made in (callback_brief(about), owed_brief(about), sla_brief(about).SerializeToString()):
        assert sla_pb2.TicketBrief.FromString(brief_made).accused == "李伟"


def test_an_event_without_a_rule_is_passed_over_before_it_is_decoded(monkeypatch):
    monkeypatch.setattr(reading, "facts_of", None)
    kept = FakeDeliveries()
    opened = Heard("1", "ticket.accepted", b"\xff nonsense", NUMBER)
    handlers = notices(kept)
    begun = time.perf_counter()
    handlers.hear([opened] * 100_000, NOON)
    print(f"{(time.perf_counter() - begun) * 10:.3f} us an event")
    assert kept.kept == {}
    assert opened.refused is None


def test_a_malformed_event_is_refused_alone():
    broken, strange = Heard("1", "sla.armed", b"\xff\xff", NUMBER), armed(profile="no_such_desk")
    assert len(told(broken, strange, on_ticket("confirmed"))) == 1
    assert broken.refused
    assert strange.refused


def test_what_failed_for_good_goes_another_way_once():
    """O9: then fallback channel."""
    kept = FakeDeliveries()
    one = delivery(fallback=(("webhook", "http://127.0.0.1:9/hook"),))
    kept.add_new([one])
    for _ in range(2):
        settle(kept, [Result(one, "the mail server answered 550", final=True)], NOON)
    ways = {each.way: each.status for each in kept.kept.values()}
    assert ways == {"smtp": "failed", "webhook": "pending"}


def _people():
    return profiles().default.profile.organisation.people


@pytest.mark.parametrize("event", ["resolved", "closed"])
def test_the_other_profiles_have_templates_that_render(event):
    kept = FakeDeliveries()
    for name in ("generic_desk", "it_callcentre_levels"):
        notices(kept).hear([on_ticket(event, profile=name)], NOON)
    assert all(one.subject and one.text for one in kept.kept.values())


def test_a_ticket_no_rule_matched_is_told_to_the_supervisor_at_once():
    """C24, A6, C25: whichever event brings it about; the same alert in both languages."""
    for event, kind, word in (
        ("opened", "unmatched", "分流规则"),
        ("reopened", "seat_empty", "应急坐席"),
        ("noted", "unsolved_after_close", "新工单"),
    ):
        heard = on_ticket(event)
        body = heard.decode(ticket_pb2.TicketEvent)
        body.changes.add(field="alert", new=kind)
        alerts = [one for one in told(replace(heard, body=body.SerializeToString())) if one.template == "alert"]
        assert alerts, kind
        assert all(word in one.text for one in alerts)
    assert [one.template for one in told(on_ticket("opened"))] == []
