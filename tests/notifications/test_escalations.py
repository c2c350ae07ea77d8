"""Steps, escalations and alarms reach whom they name, by the ways they name, as data says (O5, D13, D15)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from services.contracts.deskstream.v1 import sla_pb2, ticket_pb2
from services.notifications.facts import facts_of
from services.notifications.policy import addressed, matches
from services.profile.lookups import Lookups
from services.profile.schema import NoticeCondition
from services.runtime.message import Heard, Said
from tests.notifications.world import NOON, FakeDeliveries, brief, notices, on_ticket, profiles


def told(*events: Heard) -> list[Any]:
    """What a fresh desk keeps after these events."""
    kept = FakeDeliveries()
    notices(kept).hear(list(events), NOON)
    return list(kept.kept.values())


def on_clock(key: str, *notify: str, owner: str = "", **more: Any) -> Heard:
    """sla.<key> about the clock resolve."""
    words = {"clock": "resolve", "family": "resolve"} | more.pop("state", {})
    ticket = brief(assignee="li.wei", project_manager="zhang.qiang", **more.pop("ticket", {}))
    body = sla_pb2.SlaEvent(ticket=ticket, clock=sla_pb2.ClockState(**words), notify=notify, **more)
    if owner:
        body.clock.commitment.owner = owner
    body.at.FromDatetime(NOON)
    body.clock.due_at.FromDatetime(NOON)
    return Said(f"sla.{key}", body, f"sla-{key}-1", time=NOON).as_heard()


def escalation(key: str, role: str, **more: Any) -> Heard:
    """escalation.<key> to a role."""
    ticket = brief(project_manager="zhang.qiang", **more.pop("ticket", {}))
    body = sla_pb2.EscalationEvent(ticket=ticket, role=role, **({"clock": "response"} | more))
    body.at.FromDatetime(NOON)
    return Said(f"escalation.{key}", body, f"escalation-{key}-{role}", time=NOON).as_heard()


def reached(found: list[Any]) -> set[str]:
    return {one.recipient for one in found}


def holders(role: str, profile: str = "itss_desk") -> set[str]:
    return {each.id for each in profiles().get(profile).profile.organisation.people if role in each.roles}


def test_a_step_after_the_breach_reaches_the_roles_it_names_and_nobody_else():
    """D13, O5."""
    found = told(on_clock("passed", "desk_manager", step="+2h"))
    assert found
    assert reached(found) <= holders("desk_manager")
    assert {one.template for one in found} == {"overdue_step"}
    assert "+2h" in found[0].text


def test_a_step_may_name_the_holder_and_the_project_manager_of_the_ticket():
    """D13."""
    assert reached(told(on_clock("passed", "assignee", "project_manager", step="+2h"))) == {"li.wei", "zhang.qiang"}


def test_a_warning_reaches_the_holder_and_the_roles_of_its_step():
    """D13: owner and specialist at 80%."""
    found = told(on_clock("warned", "team_leader", step="50%"))
    assert reached(found) - {"li.wei"} <= holders("team_leader")
    assert "li.wei" in reached(found)
    assert "li.wei" in reached(told(on_clock("warned", "specialist", step="80%")))


def test_a_page_goes_by_every_way_at_once():
    """D13: a notice goes by the rule's way alone."""
    profile = profiles().get("itss_desk").profile
    both = {"smtp": "boss@itss.example", "webhook": "https://chat.example/boss"}
    staff = tuple(each.model_copy(update={"addresses": both}) for each in profile.organisation.people)
    organisation = profile.organisation.model_copy(update={"people": staff})
    people = Lookups(profile.model_copy(update={"organisation": organisation}))

    def ways(page: bool) -> set[str]:
        seen = facts_of(on_clock("passed", "desk_manager", step="+2h", page=page), NOON)
        assert seen is not None
        rules = [rule for rule in profile.notices.rules if rule.on == "sla.passed"]
        return {way for _, _, way in addressed(rules, seen, people, lambda role, at: (), lambda: True)}

    assert ways(page=False) == {"smtp"}
    assert ways(page=True) == {"smtp", "webhook"}


@pytest.mark.parametrize("profile", ["itss_desk", "it_callcentre_levels", "generic_desk"])
@pytest.mark.parametrize("key", ["raised", "climbed", "repeated"])
def test_a_major_matter_is_told_to_its_rung_in_words_of_its_own(profile, key):
    """D15, O5: in each desk, each time."""
    role = profiles().get(profile).profile.sla.alarms[0].chain[-1]
    ticket = {"profile": profile, "project_manager": ""}
    body = sla_pb2.EscalationEvent(ticket=brief(**ticket), clock="major", role=role, alarm=True, page=True)
    body.at.FromDatetime(NOON)
    found = told(Said(f"escalation.{key}", body, f"e-{key}", time=NOON).as_heard())
    assert found
    assert reached(found) <= holders(role, profile)
    assert {one.template for one in found} == {"alarm"}
    assert any("重大" in one.subject or "Major" in one.subject for one in found)


def test_a_rung_told_again_reaches_its_role_again():
    """D14, O10: another message, another notice; the same message heard twice is one."""
    first, again = escalation("raised", "team_leader"), escalation("repeated", "team_leader", repeats=1)
    assert reached(told(first, again, again)) <= holders("team_leader")
    assert len(told(first, again, again)) == 2 * len(told(first))


def test_the_rung_of_the_project_manager_is_the_one_of_the_ticket():
    """X25: the ticket's own project manager, not all of them."""
    assert reached(told(escalation("raised", "project_manager"))) == {"zhang.qiang"}


def test_nobody_is_told_of_an_alarm_about_themselves():
    """C28, P12."""
    accused = escalation("raised", "project_manager", alarm=True, clock="major", ticket={"accused": "zhang.qiang"})
    assert "zhang.qiang" not in reached(told(accused))


def test_a_wish_of_a_step_is_between_the_services_and_what_could_not_be_done_goes_to_the_supervisor():
    wish = Said("sla.asked", sla_pb2.SlaAsked(number="DS20261118-000001", action="raise_grade"), "w-1", time=NOON)
    assert facts_of(wish.as_heard(), NOON) is None
    event = on_ticket("noted")
    body = event.decode(ticket_pb2.TicketEvent)
    body.changes.add(field="alert", new="step_not_done")
    found = told(replace(event, body=body.SerializeToString()))
    assert reached(found) <= holders("supervisor")
    assert {one.template for one in found} == {"alert"}


def test_the_desk_hears_that_clocks_are_not_kept_in_time():
    """D23."""
    body = sla_pb2.SlaAlarm(steps=3, text="3 steps are overdue; start the sla worker.")
    found = told(Said("sla.alarm", body, "alarm-1", time=NOON).as_heard())
    assert reached(found) == holders("administrator") | holders("operations_manager")
    assert all("start the sla worker" in one.text for one in found)


def test_a_rule_may_ask_for_the_clock_its_family_and_the_alarm():
    """O5: the table of events and roles is data."""
    seen = facts_of(on_clock("breached", "team_leader", owner="huang.lei"), NOON)
    assert seen is not None
    assert seen.owner == "huang.lei"
    wanted = {
        ("clock", ("resolve",)): True,
        ("clock", ("response",)): False,
        ("family", ("resolve", "report")): True,
        ("family", ("commitment",)): False,
        ("alarm", False): True,
        ("alarm", True): False,
    }
    for (name, value), holds in wanted.items():
        condition = NoticeCondition.model_validate({name: value})
        assert matches(condition, seen, lambda: True) is holds, (name, value)
