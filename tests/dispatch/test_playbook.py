"""The playbook of an emergency: strategy, steps and limits, what is missing, bulletins, support (H1-H3, H13-H15)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import grpc
import pytest

from services.contracts.deskstream.v1 import playbook_pb2 as pb
from services.contracts.deskstream.v1.playbook_pb2_grpc import PlaybookServiceStub
from services.dispatch.playbook.limits import limits_of
from services.dispatch.playbook.playbook import Playbooks
from services.dispatch.playbook.server import playbook_service
from services.dispatch.queries import Queries
from services.kernel.clock import FixedClock
from services.kernel.errors import Missing, Refused
from services.profile.clocks import LimitRow
from services.runtime.calls import channel
from services.runtime.identity import Principal, Signer, Verifier, make_keys
from services.runtime.rpc import serve
from services.runtime.settings import Settings
from tests.dispatch.linked import ONE, TWO, Between
from tests.dispatch.test_emergency import BULLETIN, FINDINGS, IMPACT, MEASURE, REPORT, STRATEGY, SUMMARY, emergency
from tests.dispatch.world import MORNING, KeptTickets, desks, person
from tests.dispatch.world import desk as desk_book

State = pb.PlaybookStep


class Room:
    """An emergency in a store, its playbook, and people who act."""

    def __init__(self, tickets: object, **said: str) -> None:
        self.desk = Between(tickets, ONE, **({"type": "emergency", "grade": ""} | said))  # type: ignore[arg-type]
        self.books = Playbooks(desks(), Queries(desks(), self.desk.tickets))

    def does(self, who: str, action: str, target: str = "", reason: str = "", **values: str) -> None:
        self.desk.does(who, ONE, action, target, reason, **values)

    def writes(self, who: str, kind: str, **values: str) -> None:
        self.does(who, "add_record", kind, **values)

    def shown(self, after: timedelta = timedelta(), language: str = "") -> pb.GetPlaybookResponse:
        return self.books.of(ONE, person("li.wei"), language, self.desk.now + after)

    def states(self, after: timedelta = timedelta()) -> dict[str, int]:
        return {step.key: step.state for step in self.shown(after).steps}

    def stable(self) -> None:
        self.does("zhang.qiang", "coordinate", grade="P1", steps="切换备机")
        self.does("zhang.qiang", "handle", target="huang.lei")
        self.does("huang.lei", "stabilise", solution="已切换", steps="切换", remaining="无")


def due(book: pb.GetPlaybookResponse, key: str) -> datetime:
    step = next(each for each in book.steps if each.key == key)
    return step.due_at.ToDatetime(MORNING.tzinfo)


def test_choosing_a_situation_shows_its_strategy_and_its_plan(tickets):
    """H2, H15: and the use stands in the history with who and when."""
    room = Room(tickets)
    assert not room.shown().HasField("situation")
    room.writes("li.wei", "strategy", **STRATEGY)
    found = room.shown(language="en").situation
    assert (found.label, found.plan.key, found.plan.version) == ("Hardware damage", "server_room", "2.1")
    assert "spare" in found.strategy
    assert "备机" in room.shown().situation.strategy
    step = next(each for each in room.shown().steps if each.key == "strategy")
    assert (step.state, step.done_by.id) == (State.STATE_DONE, "li.wei")
    assert tickets.load([ONE])[ONE].entries[-1].event().changes[-1].new == "strategy"


def test_steps_are_done_owed_due_and_overdue_by_the_limits_of_the_profile(tickets):
    """H1, H7, D6: the bulletin every hour of the highest grade, the report a day after it is stable."""
    room = Room(tickets)
    states = room.states()
    assert (states["report"], states["coordinate"], states["summary"]) == (
        State.STATE_DONE,
        State.STATE_OWED,
        State.STATE_OWED,
    )
    room.stable()
    stable_at = room.desk.now
    assert due(room.shown(), "problem_report") == stable_at + timedelta(hours=24)
    assert due(room.shown(), "summary") == stable_at + timedelta(hours=72)
    states = room.states()
    assert (states["problem_report"], states["handle"]) == (State.STATE_DUE, State.STATE_DONE)
    late = room.states(timedelta(hours=25))
    assert (late["problem_report"], late["summary"]) == (State.STATE_OVERDUE, State.STATE_DUE)
    room.does("huang.lei", "submit_report", **REPORT)
    assert room.states(timedelta(hours=25))["problem_report"] == State.STATE_DONE


def test_a_bulletin_is_due_again_after_each_one(tickets):
    """H14"""
    room = Room(tickets)
    room.does("zhang.qiang", "coordinate", grade="P1", steps="切换备机")
    assert due(room.shown(), "bulletin") == MORNING + timedelta(hours=1)
    assert room.states(timedelta(minutes=61))["bulletin"] == State.STATE_OVERDUE
    room.writes("zhang.qiang", "situation_bulletin", **BULLETIN)
    given = room.desk.now
    assert due(room.shown(), "bulletin") == given + timedelta(hours=1)
    assert room.states()["bulletin"] == State.STATE_DONE
    assert room.states(timedelta(minutes=61))["bulletin"] == State.STATE_OVERDUE


@pytest.mark.parametrize(
    ("when", "minutes"),
    [
        ({}, 30),
        ({"customer": ["c.he.jie"]}, 30),
        ({"customer": ["c.smith"]}, 60),
        ({"unit": ["集团总部"], "grade": ["P1"]}, 30),
        ({"project": ["office"]}, 60),
        ({"in_hours": True}, 30),
        ({"major": True}, 60),
    ],
)
def test_a_limit_of_a_customers_own_counts_here_as_it_does_for_the_clock(when, minutes):
    """H14, D10: the first row that fits the ticket comes before the limit of its grade."""
    book = desk_book()
    [rule] = [each for each in book.profile.sla.clocks if each.name == "bulletin"]
    row = LimitRow.model_validate({"when": when, "limit": {"default": "30m"}})
    tale = emergency(grade="P1")
    found = limits_of(book).limit_of(rule.model_copy(update={"limits": (row,)}), tale.ticket)
    assert found is not None
    assert found.seconds == minutes * 60


def test_what_the_end_waits_for_is_listed_until_nothing_is(tickets):
    """H1, H6, H7"""
    room = Room(tickets)
    room.stable()
    missing = {each.record: each.text for each in room.shown(language="en").missing}
    assert set(missing) == {
        *("problem_report", "handling_record", "situation_bulletin", "prevention_measure", "findings"),
        "problem_summary",
    }
    assert "add_record" in missing["handling_record"]
    room.writes("zhang.qiang", "situation_bulletin", **BULLETIN)
    room.writes("huang.lei", "findings", **FINDINGS)
    room.writes("huang.lei", "handling_record", course="切换")
    room.does("huang.lei", "submit_report", **REPORT)
    room.does("zhang.qiang", "summarise", **SUMMARY)
    assert [each.record for each in room.shown().missing] == ["prevention_measure"]
    room.writes("zhang.qiang", "prevention_measure", **MEASURE)
    room.writes("zhang.qiang", "prevention_measure", **(MEASURE | {"measure": "双电源", "commitment": "c-1"}))
    book = room.shown()
    assert list(book.missing) == []
    assert [(each.measure, each.commitment) for each in book.measures] == [("增加热备盘", ""), ("双电源", "c-1")]
    room.does("zhang.qiang", "end")
    assert list(room.shown().missing) == []


def test_every_support_action_is_shown_with_its_way(tickets):
    """H13: by telephone, instant message or on site; the ticket itself has only the newest."""
    room = Room(tickets)
    for way in ("phone", "im", "on_site"):
        room.writes("huang.lei", "support_action", way=way, with_whom="何洁", done=f"通过 {way} 指导")
    assert [(each.way, each.by.id) for each in room.shown().support] == [
        ("phone", "huang.lei"),
        ("im", "huang.lei"),
        ("on_site", "huang.lei"),
    ]
    room.writes("li.wei", "impact_assessment", **IMPACT)
    with pytest.raises(Refused, match="choose one of: phone, im, on_site"):
        room.writes("huang.lei", "support_action", way="letter", with_whom="何洁", done="写信")


def test_a_bulletin_has_recipients_send_time_and_receipts(tickets):
    """H14, O6: leaders of the severity, units, the tickets whose requesters were told, and who has answered."""
    room = Room(tickets, grade="P1")
    room.desk.open(TWO)
    room.desk.does("li.wei", TWO, "link", ONE, kind="parent")
    room.desk.settle()
    room.writes("zhang.qiang", "situation_bulletin", **BULLETIN)
    first = room.desk.now
    room.writes("zhao.gang", "bulletin_receipt", remark="同意切换")
    room.writes("li.wei", "bulletin_receipt", from_whom="昆明分公司")
    room.writes("zhang.qiang", "situation_bulletin", situation="stable", text="已恢复")
    room.writes("sun.ning", "bulletin_receipt")
    one, two = room.shown().bulletins
    assert (one.at.ToDatetime(MORNING.tzinfo), one.by.id, one.situation) == (first, "zhang.qiang", "going_on")
    assert list(one.leaders) == ["shift_leader", "supervisor", "desk_manager", "operations_manager", "quality"]
    assert list(one.units) == ["昆明分公司", "大理分公司"]
    assert list(one.tickets) == [ONE, TWO]
    assert [(each.by.id, each.from_whom, each.remark) for each in one.receipts] == [
        ("zhao.gang", "", "同意切换"),
        ("li.wei", "昆明分公司", ""),
    ]
    assert [each.by.id for each in two.receipts] == ["sun.ning"]
    assert one.event_id in {entry.id for entry in tickets.load([ONE])[ONE].entries}
    assert list(room.shown().children) == [TWO]


def test_preventive_entries_the_ticket_is_linked_with_are_shown(tickets):
    """H3"""
    room = Room(tickets)
    room.does("li.wei", "link", "line_or_server_down", kind="prevention")
    assert [(each.key, each.type_label) for each in room.shown().prevention] == [
        ("line_or_server_down", "网络或服务器")
    ]


def test_what_is_no_emergency_has_no_playbook(tickets):
    room = Room(tickets)
    room.desk.open(TWO)
    with pytest.raises(Refused, match="应急事件"):
        room.books.of(TWO, person("li.wei"), "", MORNING)
    with pytest.raises(Missing):
        room.books.of("DS20250610-000009", person("li.wei"), "", MORNING)
    with pytest.raises(Missing, match="generic_desk"):
        room.books.plans("generic_desk", "", MORNING, overdue=False)


@pytest.fixture
def stub(tmp_path: Path) -> Iterator[object]:
    """PlaybookService over a real connection, for callers of any role."""
    make_keys(tmp_path)
    signer = Signer.from_file(tmp_path / "token.jwk")
    room = Room(KeptTickets())
    settings = Settings.model_validate({"grpc_bind": "127.0.0.1:0"})
    service = playbook_service(room.books, FixedClock(datetime(2026, 11, 22, 4, tzinfo=MORNING.tzinfo)))
    server = serve([service], settings, Verifier.from_file(tmp_path / "token.pub.jwk"))

    def of(role: str) -> PlaybookServiceStub:
        who = Principal("li.wei", "李伟", frozenset({role}), frozenset(), "")
        return PlaybookServiceStub(channel(f"127.0.0.1:{server.port}", signer.sign(who, timedelta(minutes=5))))

    yield of
    server.stop(1)


def test_people_of_the_desk_ask_over_grpc_and_nobody_else(stub):
    """H2, H3, H15: strategies, entries and plans whose review day has passed; default deny."""
    desk = stub("specialist")
    assert desk.GetPlaybook(pb.GetPlaybookRequest(number=ONE)).state == "reported_to_manager"
    assert len(desk.ListSituations(pb.ListSituationsRequest()).situations) == 4
    found = desk.SearchPrevention(pb.SearchPreventionRequest(text="无法启动", type="application")).entries
    assert [each.key for each in found] == ["app_cannot_start"]
    overdue = desk.ListPlans(pb.ListPlansRequest(review_overdue=True)).plans
    assert [(each.key, each.owner_name, each.review_overdue) for each in overdue] == [("network_outage", "刘洋", True)]
    assert len(desk.ListPlans(pb.ListPlansRequest(profile="it_callcentre_levels")).plans) == 3
    with pytest.raises(grpc.RpcError) as wrong:
        desk.SearchPrevention(pb.SearchPreventionRequest(type="games"))
    assert wrong.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    for role, method, request in (
        ("requester", "GetPlaybook", pb.GetPlaybookRequest(number=ONE)),
        ("quality", "GetPlaybook", pb.GetPlaybookRequest(number=ONE)),
        ("requester", "ListPlans", pb.ListPlansRequest()),
        ("channel_adapter", "ListSituations", pb.ListSituationsRequest()),
    ):
        with pytest.raises(grpc.RpcError) as refused:
            getattr(stub(role), method)(request)
        assert refused.value.code() == grpc.StatusCode.PERMISSION_DENIED
    assert len(stub("quality").ListPlans(pb.ListPlansRequest()).plans) == 3
