"""The filed roster decides who gets work, and substitutes act for the absent for the span only (M21, M28, Q6)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.dispatch.commands import Call, Commands
from services.dispatch.handlers import Desks
from services.dispatch.policy import Desk, decide, possible
from services.kernel.duty import Away, DutyTable, Filed, Stint
from services.kernel.errors import Missing, Refused
from services.profile.duty import Roster
from services.profile.load import load
from tests.dispatch.world import MORNING, POLICY, KeptTickets, Tale, person

HOUR = 3600
ITSS = load(POLICY / "itss_desk")
SUNDAY = datetime(2025, 6, 15, 2, tzinfo=UTC)


def epoch(at: datetime) -> int:
    return int(at.timestamp())


def followed(*away: Away, stints: tuple[Stint, ...] = (), months: tuple[Filed, ...] = ()) -> Desk:
    """The desk on a roster of its own, with this duty filed."""
    roster = Roster(ITSS.profile, ITSS.calendars)
    roster.adopt(DutyTable("itss_desk", 1, months, stints, away))
    return Desk(ITSS.profile, ITSS.version, roster)


def away(name: str, substitute: str, first: datetime = MORNING, hours: int = 24) -> Away:
    return Away(name, epoch(first), epoch(first) + hours * HOUR, substitute)


class Story(Tale):
    """A ticket at a desk of its own."""

    def __init__(self, desk: Desk, **said: Any) -> None:
        super().__init__(**said)
        self.desk = desk


def test_a_request_out_of_hours_goes_to_whom_the_filed_roster_has_on_the_emergency_seat() -> None:
    """M28: the change comes at the shift boundary."""
    month = Filed(epoch(SUNDAY) - 100 * HOUR, epoch(SUNDAY) + 100 * HOUR, frozenset({"wu.hao", "lu.xia", "ren.jie"}))
    stints = (
        Stint("lu.xia", epoch(SUNDAY) - 12 * HOUR, epoch(SUNDAY)),
        Stint("ren.jie", epoch(SUNDAY), epoch(SUNDAY) + 12 * HOUR),
    )
    desk = followed(stints=stints, months=(month,))
    chosen = {}
    for at in (SUNDAY - timedelta(seconds=1), SUNDAY, SUNDAY + timedelta(hours=12)):
        chosen[at] = decide(desk, Tale(at=at).ticket, at, at).assignee
    assert list(chosen.values()) == ["lu.xia", "ren.jie", ""]


def test_a_substitute_works_on_the_tickets_of_the_absent_until_they_return() -> None:
    """M21, Q6: inherits queue and permissions for the span only."""
    leave = away("huang.lei", "gao.xin", first=MORNING + timedelta(minutes=6), hours=1)
    tale = Story(followed(leave)).to_engineer()
    assert tale.ticket.assignee == "huang.lei"
    done = tale.does("gao.xin", "resolve", solution="restarted", steps="looked at the queue", remaining="none")
    assert done.engineer == "huang.lei"
    assert done.phase == "resolved"


def test_after_the_span_the_substitute_may_no_longer() -> None:
    """Q6: rights end with the span."""
    tale = Story(followed(away("huang.lei", "gao.xin", first=MORNING + timedelta(hours=2), hours=1))).to_engineer()
    assert tale.ticket.assignee == "huang.lei"
    gao_xin = person("gao.xin")
    for hours, may in ((1, False), (2, True), (2.99, True), (3, False)):
        now = MORNING + timedelta(hours=hours)
        assert ("resolve" in possible(tale.desk, tale.ticket, gao_xin, now)) is may, hours
    tale.now = MORNING + timedelta(hours=3)
    with pytest.raises(Refused) as refused:
        tale.does("gao.xin", "resolve", solution="restarted", steps="none", remaining="none")
    assert refused.value.code == "forbidden"


def test_a_substitute_has_the_role_of_the_absent_for_the_span_only() -> None:
    """M21, Q6."""
    zheng_yan = person("zheng.yan")
    ticket = Tale().ticket
    stands_in = followed(away("li.wei", "zheng.yan"))
    assert "try_online" in possible(stands_in, ticket, zheng_yan, MORNING)
    assert "try_online" not in possible(stands_in, ticket, zheng_yan, MORNING + timedelta(days=1))
    assert "try_online" not in possible(followed(), ticket, zheng_yan, MORNING)


def test_the_absent_keep_their_rights() -> None:
    """Somebody called back from leave is not locked out."""
    assert "try_online" in possible(followed(away("li.wei", "zheng.yan")), Tale().ticket, person("li.wei"), MORNING)


def test_a_substitute_claims_from_the_queue_of_the_absent_for_the_span_only() -> None:
    """M21: inherits the queue."""
    commands = Commands(Desks({"itss_desk": followed(away("huang.lei", "gao.xin"))}, "itss_desk"), KeptTickets(), print)
    with pytest.raises(Missing, match="Nothing waits"):
        commands.claim_first("erp_ops", Call(person("gao.xin"), MORNING, "one"))
    with pytest.raises(Refused, match="Only members"):
        commands.claim_first("erp_ops", Call(person("gao.xin"), MORNING + timedelta(days=1), "two"))
