"""What a ticket.* message tells the trail, conditions and promises."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.contracts.deskstream.v1 import common_pb2, ticket_pb2
from services.sla.hearing import news_of
from services.sla.model import Moment
from services.sla.policy.facts import learn
from services.sla.stream import stamp
from tests.sla.world import T0, M


def event(name: str, *, version: int = 2, action: str = "", role: str = "engineer", who: str = "li.wei",
          changes: tuple[tuple[str, str, str], ...] = (), **ticket: Any) -> ticket_pb2.TicketEvent:  # fmt: skip
    """ticket.<name> at T0."""
    return ticket_pb2.TicketEvent(
        event=name,
        action=action,
        at=stamp(T0),
        actor=common_pb2.Actor(id=who, role=role),
        changes=[ticket_pb2.Change(field=field, old=old, new=new) for field, old, new in changes],
        ticket=ticket_pb2.Ticket(number="DS20250303-000001", version=version, updated_at=stamp(T0 + M), **ticket),
    )


def moment_of(*args: Any, **more: Any) -> Moment:
    found = news_of(event(*args, **more)).moment
    assert found is not None
    return found


def test_the_trail_keeps_when_where_who_and_which_record():
    """D9: what occasions look at; the instant is that of the event."""
    moment = moment_of(
        "noted",
        changes=(("record", "", "contact"), ("record", "attempt", "")),
        state="in_work",
        team="network",
        cycle=1,
        fields={"major": "true", "site": "north", "risky": "false"},
        promised_at=stamp(T0 + 60 * M),
    )
    assert moment == Moment(2, T0, 1, "noted", "in_work", "network", "staff", "contact", ("major",), T0 + 60 * M)


def test_customers_staff_and_the_platform_are_told_apart():
    """D9, D19."""
    assert moment_of("refused", role="requester").by == "customer"
    assert moment_of("assigned", role="system", who="service:dispatch").by == "system"
    assert moment_of("called_back", role="system", who="li.wei").by == "system"
    assert moment_of("solved", role="engineer").by == "staff"
    assert moment_of("opened", role="", who="").by == "system"


def test_a_further_contact_is_the_customers_word_although_the_platform_notes_it():
    """D9, A20."""
    moment = moment_of("updated", action="join", role="system", who="service:dispatch")
    assert (moment.event, moment.by) == ("contact_joined", "customer")
    assert moment_of("updated", action="update").event == "updated"


def test_conditions_get_the_ticket_s_facts_and_of_the_form_only_choices():
    """D9, P1: what a person wrote is not kept with the clocks."""
    heard = news_of(
        event(
            "opened",
            requester=common_pb2.Requester(id="gc.qin.lan", unit="财务部"),
            neutral_type=common_pb2.NEUTRAL_TYPE_INCIDENT,
            flow="change",
            backfilled=True,
            fields={"site": "north", "diary": "met a person"},
            promised_at=stamp(T0 + timedelta(hours=2)),
        ),
        choices={"site", "floor"},
    )
    assert heard.traits == {
        "neutral_type": "incident",
        "unit": "财务部",
        "customer": "gc.qin.lan",
        "flow": "change",
        "backfilled": "true",
        "fields.site": "north",
    }
    assert heard.promised_at == T0 + timedelta(hours=2)


def test_a_version_stands_in_the_trail_once_and_in_its_place():
    """T-group: in any order, any number of times."""
    told = [news_of(event("noted", version=version)) for version in (3, 1, 2, 3, 1)]
    facts = None
    for each in told:
        facts = learn(facts, each)
    assert facts is not None
    assert [each.version for each in facts.trail] == [1, 2, 3]
    assert learn(facts, told[0]) is facts
