"""Searching tickets: the same suite on rows in memory and in the real database (B22)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pymongo import MongoClient

from services.contracts.deskstream.v1 import common_pb2, intake_pb2, queues_pb2, ticket_pb2
from services.dispatch import wire
from services.dispatch.commands import Commands
from services.dispatch.handlers import Stream, Tickets
from services.dispatch.model import Command
from services.dispatch.search import search as searching
from services.dispatch.search.filters import Wanted, found_by, wanted
from services.dispatch.search.indexing import Indexer
from services.dispatch.search.search import Finds, search
from services.dispatch.search.storage import MongoFinds
from services.dispatch.search.terms import digits, text_terms
from services.kernel.errors import Refused
from services.runtime.mongo import connect
from tests.dispatch.conftest import settings
from tests.dispatch.kept import KeptFinds
from tests.dispatch.test_stream import Ears, call
from tests.dispatch.world import MORNING, KeptTickets, desks, received

Filter = queues_pb2.TicketFilter
OPEN = frozenset(state for desk in desks().all() for state in desk.open_states)


class Shelf:
    """Tickets, the rows to find them by, and who brings these in."""

    def __init__(self, tickets: Tickets, finds: Any) -> None:
        self.tickets, self.finds = tickets, finds
        self.stream, self.indexer = Stream(desks(), tickets), Indexer(finds)
        self.commands = Commands(desks(), tickets, Ears())

    def open(self, *said: dict[str, Any]) -> None:
        """Requests are received, one after another, and found a tick later."""
        batch = []
        for place, words in enumerate(said, 1):
            words = dict(words)
            who = words.pop("who", {})
            message = received(words.pop("number", f"DS20250610-{place:06d}"), **words)
            if who:
                body = message.decode(intake_pb2.RequestReceived)
                body.draft.requester.CopyFrom(common_pb2.Requester(**who))
                body.draft.description = words.get("title", "")
                message = type(message)(id=message.id, key=message.key, body=body.SerializeToString())
            batch.append(message)
        self.stream.requests(batch, MORNING)
        self.indexer.tick(MORNING)

    def ask(self, sort: searching.Sort = "received", need: bool = True, **asked: Any) -> list[str]:
        """Numbers found, page by page."""
        return self.asked(wanted(Filter(**asked), need=need, open_states=OPEN), sort)

    def asked(self, what: Wanted, sort: searching.Sort = "received", size: int = 3) -> list[str]:
        numbers, token = [], ""
        for _ in range(200):
            page = search(self.finds, what, sort, size, token, lambda ticket: ticket)
            numbers.extend(ticket.number for ticket in page.tickets)
            token = page.token
            if not token:
                return numbers
        raise AssertionError("the pages have no end")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def shelf(request) -> Shelf:
    if request.param == "fake":
        tickets = KeptTickets()
        return Shelf(tickets, KeptFinds(tickets))
    tickets = request.getfixturevalue("real_tickets")
    return Shelf(tickets, real_finds(request.getfixturevalue("mongodb_uri")))


def real_finds(place: Any) -> MongoFinds:
    """Over the database of the tickets, whose fixture has connected to it."""
    finds = MongoFinds(connect("dispatch", settings(place.uri, place.prefix)))
    finds.prepare()
    return finds


HE = {"id": "c.he.jie", "name": "何洁", "department": "财务部", "unit": "集团总部", "phone": "+86 138-0013-8001"}
MENG = {"id": "c.meng", "name": "孟慧慧", "department": "市场部", "unit": "分公司", "phone": "010-62345678"}


def test_chinese_words_of_any_length_find_the_ticket(shelf: Shelf):
    """B22"""
    shelf.open(
        {"title": "打印机无法打印", "who": HE},
        {"title": "三楼断网，无线网时断时续", "who": MENG},
        {"title": "ＥＲＰ 登录不了 VPN", "who": HE},
    )
    printer, network, erp = (f"DS20250610-{n:06d}" for n in (1, 2, 3))
    for words in ("打印机", "打印", "无法打印", "无法", "印机", "机", "打印机 无法"):
        assert shelf.ask(text=words) == [printer], words
    for words in ("断网", "三楼", "无线网", "时断时续", "网"):
        assert shelf.ask(text=words) == [network], words
    for words in ("erp", "Erp vpn", "登录不了", "ｖｐｎ"):
        assert shelf.ask(text=words) == [erp], words
    assert shelf.ask(text="何洁") == [erp, printer]
    assert shelf.ask(text="打印机 断网") == []
    assert shelf.ask(text="印表機") == [], "other ways of writing are other words"


def test_each_filter_gives_the_right_tickets(shelf: Shelf):
    """B22: number, customer, phone, channel, type, level, state, owner, department, date."""
    shelf.open(
        {"title": "一", "who": HE, "grade": "P1", "received_at": MORNING - timedelta(days=42)},
        {"title": "二", "who": MENG, "channel": common_pb2.CHANNEL_PHONE, "number": "DS20250609-000002"},
        {"title": "三", "who": HE, "type": "service_request", "grade": "P3"},
    )
    one, two, three = "DS20250610-000001", "DS20250609-000002", "DS20250610-000003"
    shelf.commands.act(three, Command("try_online"), call("li.wei", "1"))
    shelf.indexer.tick(MORNING + timedelta(minutes=1))
    asked: list[tuple[dict[str, Any], list[str]]] = [
        ({"number": one}, [one]),
        ({"number": "ds20250610"}, [three, one]),
        ({"number": "DS202506"}, [three, two, one]),
        ({"number": "000002"}, [two]),
        ({"requester_id": "c.he.jie"}, [three, one]),
        ({"requester_name": "孟慧慧"}, [two]),
        ({"requester_name": "慧"}, [two]),
        ({"phone": "13800138001"}, [three, one]),
        ({"phone": "+8613800138001"}, [three, one]),
        ({"phone": "8001"}, [three, one]),
        ({"phone": "62345678"}, [two]),
        ({"phone": "9062345678"}, []),
        ({"channels": [common_pb2.CHANNEL_PHONE]}, [two]),
        ({"types": ["service_request"]}, [three]),
        ({"neutral_types": [common_pb2.NEUTRAL_TYPE_INCIDENT]}, [two, one]),
        ({"grades": ["P1", "P3"]}, [three, one]),
        ({"assignees": ["li.wei"]}, [three]),
        ({"departments": ["财务部"]}, [three, one]),
        ({"units": ["分公司"]}, [two]),
        ({"projects": ["erp"]}, [three, two, one]),
        ({"teams": ["desk"]}, [three, two, one]),
        ({"teams": ["nobody"]}, []),
        ({"phases": [ticket_pb2.PHASE_CLOSED]}, []),
        ({"received_before": wire.stamp(MORNING)}, [one]),
        ({"received_from": wire.stamp(MORNING), "received_before": wire.stamp(MORNING + timedelta(1))}, [three, two]),
        ({"departments": ["财务部"], "grades": ["P1"], "text": "一"}, [one]),
        ({}, [three, two, one]),
    ]
    for filter_, numbers in asked:
        assert shelf.ask(**filter_) == numbers, filter_
    state = shelf.tickets.load([three])[three].latest.state
    assert shelf.ask(states=[state]) == [three]
    assert shelf.ask(sort="priority", teams=["desk"]) == [one, two, three]
    assert shelf.ask(sort="updated")[0] == three


WORDS = ["打印机卡纸", "三楼断网", "邮箱登录不了", "VPN 断开", "无法打印"]
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "text": st.sampled_from(["打印", "断", "登录", "vpn", "无法"]),
        "departments": st.lists(st.sampled_from(["财务部", "市场部", "无"]), min_size=1, max_size=2),
        "phone": st.sampled_from(["8001", "5678", "0000"]),
        "grades": st.lists(st.sampled_from(["P1", "P2", "P3"]), min_size=1, max_size=2),
        "channels": st.lists(st.sampled_from([1, 3]), min_size=1, max_size=2),
        "number": st.sampled_from(["DS202506", "DS20250610", "000004", "DS20250610-00000"]),
        "received_from": st.integers(0, 5).map(lambda day: wire.stamp(MORNING - timedelta(days=day))),
        "received_before": st.integers(-2, -1).map(lambda day: wire.stamp(MORNING - timedelta(days=day))),
    },
)


@pytest.fixture(scope="module")
def crowd() -> Shelf:
    tickets = KeptTickets()
    shelf = Shelf(tickets, KeptFinds(tickets))
    shelf.open(
        *(
            {
                "title": WORDS[n % 5],
                "who": (HE, MENG)[n % 2],
                "grade": ("P1", "P2", "P3")[n % 3],
                "channel": (1, 3)[n % 4 // 2],
                "received_at": MORNING - timedelta(hours=11 * n),
            }
            for n in range(24)
        )
    )
    return shelf


@hypothesis_settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=FILTERS,
    sort=st.sampled_from(["received", "updated", "priority"]),
    bounds=st.sampled_from([(0, 4), (3, 4), (5000, 20000)]),
)
def test_any_filter_gives_what_looking_at_every_ticket_gives(crowd: Shelf, asked, sort, bounds):
    """B22: whichever term drives, and wherever a request stops looking, the pages together are the same."""
    what = wanted(Filter(**asked), need=True, open_states=OPEN)
    rows = [found_by(record.latest) for record in crowd.tickets.load(list(crowd.tickets._rows)).values()]  # type: ignore[attr-defined]
    naive = sorted(row.number for row in rows if what.holds(row))
    whole, budget = searching.WHOLE, searching.BUDGET
    try:
        searching.WHOLE = bounds[0]
        searching.BUDGET = bounds[1] if sort == "received" else budget
        found = crowd.asked(what, sort)
    finally:
        searching.WHOLE, searching.BUDGET = whole, budget
    assert sorted(found) == naive
    if sort == "received":
        order = {row.number: (row.received, row.number) for row in rows}
        assert found == sorted(found, key=lambda number: order[number], reverse=True)


def test_who_needs_no_requesters_finds_nobody_by_name_phone_or_description(crowd: Shelf):
    """P1"""
    for asked in (Filter(requester_name="何洁"), Filter(phone="8001")):
        with pytest.raises(Refused) as refused:
            wanted(asked, need=False, open_states=OPEN)
        assert refused.value.code == "forbidden"
    what = wanted(Filter(text="何洁"), need=False, open_states=OPEN)
    assert not search(crowd.finds, what, "received", 200, "", wire.masked).tickets
    titled = wanted(Filter(text="断网"), need=False, open_states=OPEN)
    assert search(crowd.finds, titled, "received", 200, "", wire.masked).tickets


@pytest.mark.parametrize(
    ("field", "asked"),
    [
        ("number", {"number": "25"}),
        ("number", {"number": "DS2025-000001"}),
        ("phone", {"phone": "123"}),
        ("text", {"text": "字" * 201}),
        ("text", {"text": "！！"}),
        ("states", {"states": ["x"] * 21}),
        ("grades", {"grades": [" "]}),
        ("phases", {"phases": [0]}),
        ("channels", {"channels": [77]}),
        ("received_from", {"received_from": wire.stamp(MORNING), "received_before": wire.stamp(MORNING)}),
    ],
)
def test_a_filter_that_cannot_be_is_refused_with_the_field(field: str, asked: dict[str, Any]):
    with pytest.raises(Refused) as refused:
        wanted(Filter(**asked), need=True, open_states=OPEN)
    assert refused.value.field == field


@pytest.mark.parametrize("token", ["x", "cmVjZWl2ZWQgYQ==", "dXBkYXRlZCAwMDAwMDAwMDAwMDAwMXwx", "汉"])
def test_a_made_up_page_token_is_refused(token: str):
    with pytest.raises(Refused):
        search(KeptFinds(KeptTickets()), Wanted(), "received", 10, token, lambda ticket: ticket)


def test_a_change_is_found_by_its_new_values_and_no_longer_by_the_old(shelf: Shelf):
    """B22: a row may be a moment old, an answer is not."""
    shelf.open({"grade": "P2"})
    number = "DS20250610-000001"
    shelf.commands.act(number, Command("grade", "vip", values={"grade": "P1"}), call("li.wei", "g"))
    assert shelf.ask(grades=["P2"]) == [], "the row is old, the ticket is looked at as it stands"
    shelf.indexer.tick(MORNING + timedelta(minutes=1, seconds=2))
    assert shelf.ask(grades=["P1"]) == [number]
    assert shelf.ask(grades=["P2"]) == []


@pytest.mark.real
def test_no_search_walks_over_a_whole_collection(real_tickets, mongodb_uri):
    """Decision 13: every question has its index, and the plan says so."""
    finds = real_finds(mongodb_uri)
    shelf = Shelf(real_tickets, finds)
    shelf.open(*({"grade": "P1" if n % 8 == 0 else "P2", "title": f"词{n}"} for n in range(40)))
    with MongoClient[dict[str, Any]](mongodb_uri.uri) as client:
        rows = client[f"{mongodb_uri.prefix}_dispatch"]["finds"]
        plan = rows.find({"terms": "grade:p1"}).explain()
    assert "'indexName': 'terms'" in str(plan["queryPlanner"]["winningPlan"])
    assert plan["executionStats"]["totalDocsExamined"] == 5
    assert shelf.ask(grades=["P1"]) == shelf.ask(grades=["P1"], text="词")


def test_escalated_work_orders_form_a_list_of_their_own(shelf: Shelf):
    """C17: those of the second line (升级工单), the most urgent first."""
    shelf.open({"grade": "P1"}, {"type": "consultation", "grade": "P3"}, {"type": "consultation", "grade": "P2"})
    assert shelf.ask(sort="priority", flows=["second_line"]) == ["DS20250610-000003", "DS20250610-000002"]


def test_texts_are_taken_apart_within_bounds():
    long = "".join(chr(0x4E00 + n) for n in range(4_000))
    assert len(text_terms([long], [long])) <= 200
    assert digits("００８６ 138 0013 8001") == "13800138001"
    assert datetime.fromtimestamp(0, UTC)


_: Callable[..., Finds] = KeptFinds
