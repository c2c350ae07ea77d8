"""What dispatch says of a grade is what sla hears (D17, B5)."""

from __future__ import annotations

from services.dispatch import wire
from services.sla.hearing import news_of
from tests.dispatch.world import Tale


def test_a_grade_that_answers_proposed_reaches_the_clocks_as_a_regrading() -> None:
    """B5, D17: from the first grade to the proposed one, at the instant it was set."""
    tale = Tale("it_callcentre_levels", type="fault", grade="", project="")
    tale.does("i.he.xin", "grade", **{"answer.business_stopped": "yes"})
    heard = news_of(wire.event_to(tale.events[-1]))
    assert heard.regrade is not None
    assert (heard.grade, heard.regrade.old, heard.regrade.new) == ("I", "IV", "I")
    tale.does("i.he.xin", "update", people_affected="40")
    assert news_of(wire.event_to(tale.events[-1])).regrade is None
