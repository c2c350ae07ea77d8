"""What reports count by, across desks and catalogue entries."""

from __future__ import annotations

import json

import pytest

from services.contracts.deskstream.v1.ticket_pb2 import TicketEvent
from services.kernel.errors import Missing
from services.reporting.hearing import ticket_facts
from services.reporting.model import Facts
from tests.reporting.world import Desk, ticket


def test_a_report_over_two_profiles_sums_by_neutral_type() -> None:
    """B3: a fault of one desk and an incident of the other are one kind; targets stay each desk's own."""
    incident, consultation = 1, 3
    desk = Desk().hears(
        ticket(1, kind="incident", neutral_type=incident),
        ticket(2, kind="fault", neutral_type=incident, profile="generic_desk"),
        ticket(3, kind="consultation", neutral_type=consultation, profile="generic_desk"),
        ticket(4, kind="fault", neutral_type=incident, profile="it_callcentre_levels"),
    )
    report = desk.report(profile="itss_desk,generic_desk")
    shares = {share.key: share.count for share in report.shares if share.by == "neutral_type"}
    assert (report.profile, report.tickets, shares) == (
        "itss_desk,generic_desk", 3, {"incident": 2, "consultation": 1},
    )  # fmt: skip
    assert all(figure.verdict in ("none", "no_data") for figure in report.figures)
    alone = desk.report(profile="generic_desk")
    assert {share.key: share.count for share in alone.shares if share.by == "neutral_type"} == {
        "incident": 1, "consultation": 1,
    }  # fmt: skip
    with pytest.raises(Missing):
        desk.report(profile="itss_desk,nowhere")


def test_a_defect_that_became_a_consultation_counts_as_one() -> None:
    """B8: once, under its number, as what it is now."""
    defect, consultation, about = 4, 3, "it_callcentre_levels"
    desk = Desk().hears(
        ticket(1, kind="system_defect", neutral_type=defect, profile=about),
        ticket(1, 2, event="converted", kind="consultation", neutral_type=consultation, profile=about),
    )
    report = desk.report(profile=about)
    shares = {(share.by, share.key): share.count for share in report.shares if share.by in ("type", "neutral_type")}
    assert shares == {("type", "consultation"): 1, ("neutral_type", "consultation"): 1}


def test_tickets_report_by_entry() -> None:
    """A18"""
    desk = Desk().hears(ticket(1, entry="erp"), ticket(2, entry="erp"), ticket(3))
    assert [(share.key, share.count) for share in desk.report().shares if share.by == "entry"] == [("erp", 2)]


def test_facts_kept_before_a_field_was_added_are_read_as_they_are() -> None:
    """T3: what an older release stored, without entry, neutral type and extra fields."""
    told = TicketEvent.FromString(ticket(1, title="打印机", entry="erp").body)
    kept = json.loads(json.dumps(ticket_facts(told)))
    kept[1] = kept[1][:-3]
    read = Facts.read(kept).snapshot
    assert read is not None
    assert (read.title, read.entry, read.neutral, read.fields) == ("打印机", "", "", "")
