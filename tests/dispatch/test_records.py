"""Records beside a ticket's own fields: who writes them, what they hold, what asks for them (E-group)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.contracts.deskstream.v1 import ticket_pb2
from services.dispatch import wire
from services.dispatch.policy import possible
from services.dispatch.policy.records import MOST_BYTES
from services.kernel.errors import Refused
from tests.dispatch.test_flows import replays
from tests.dispatch.world import PROFILES, Tale, desk, person


def at_work() -> Tale:
    """A dispatched ticket whose engineer has begun."""
    return Tale().to_engineer()


def kinds(tale: Tale) -> list[str]:
    return [record.kind for record in tale.ticket.records]


SOLVED = {"solution": "更换部件", "steps": "检查；更换", "remaining": "无"}


def test_an_engineer_logs_contact_with_the_user():
    """E4, B20: time, way and summary; when it was said stands beside when it was written down."""
    tale = at_work()
    tale.does("huang.lei", "add_record", target="contact", way="phone", summary="用户确认现象", began_at="09:30")
    record = tale.ticket.records[-1]
    assert (record.kind, record.by.id, record.by.role, record.at) == ("contact", "huang.lei", "engineer", tale.now)
    assert record.values["began_at"] == datetime(2025, 6, 10, 1, 30, tzinfo=UTC).isoformat()
    assert tale.events[-1].name == "noted"
    assert ("record", "", "contact") in [(each.field, each.old, each.new) for each in tale.events[-1].changes]
    tale.does("huang.lei", "add_record", target="contact", way="im", summary="第二次")
    assert kinds(tale).count("contact") == 1, "the newest stands on the ticket"
    assert [e.ticket.records[-1].values["summary"] for e in tale.events[-2:]] == ["用户确认现象", "第二次"]
    assert replays(tale)


@pytest.mark.parametrize(
    ("target", "values", "field", "told"),
    [
        ("diary", {}, "target", "contact"),
        ("contact", {"summary": "x"}, "way", "way"),
        ("contact", {"way": "smoke", "summary": "x"}, "way", "phone"),
        ("contact", {"way": "phone", "summary": "x", "mood": "good"}, "mood", "summary"),
        ("contact", {"way": "phone", "summary": "x" * 4001}, "summary", "4000"),
        ("contact", {"way": "phone", "summary": "x", "began_at": "yesterday"}, "began_at", "15:30"),
        ("user_consent", {"agreed": "maybe", "measure": "x"}, "agreed", "yes or no"),
    ],
)
def test_a_wrong_record_is_refused_with_its_field_and_the_remedy(
    target: str, values: dict[str, str], field: str, told: str
):
    tale = at_work()
    with pytest.raises(Refused) as refused:
        tale.does("huang.lei", "add_record", target=target, **values)
    assert refused.value.field == field
    assert told in refused.value.message
    assert kinds(tale) == ["attempt"]


def test_a_record_is_written_by_the_roles_of_its_form_alone():
    tale = at_work()
    with pytest.raises(Refused, match="服务台专员") as refused:
        tale.does("huang.lei", "add_record", target="attempt", outcome="solved")
    assert refused.value.code == "forbidden"
    assert "add_record" in possible(tale.desk, tale.ticket, person("huang.lei"), tale.now)
    assert "add_record" not in possible(tale.desk, tale.ticket, person("admin"), tale.now)


def test_all_records_of_a_ticket_together_stay_small():
    """The snapshot travels with every event."""
    tale = at_work()
    tale.does("huang.lei", "add_record", target="contact", way="im", summary="述" * 2000)
    with pytest.raises(Refused, match=str(MOST_BYTES)):
        tale.does("huang.lei", "add_record", target="options", offered="案" * 2000)
    tale.does("huang.lei", "add_record", target="contact", way="im", summary="短")
    assert "options" not in kinds(tale)


def test_a_workaround_is_kept_apart_from_the_solution_with_the_time_it_restored_service():
    """E1"""
    tale = at_work()
    with pytest.raises(Refused, match="workaround"):
        tale.does("huang.lei", "work_around")
    ticket = tale.does("huang.lei", "work_around", workaround="改用备用打印机")
    assert (ticket.workaround, ticket.solution, ticket.milestones["restored"]) == ("改用备用打印机", "", tale.now)
    restored = tale.now
    assert tale.does("huang.lei", "work_around", workaround="改用另一台").milestones["restored"] == restored


def test_risky_work_begins_only_after_the_data_are_protected():
    """E12: the record must exist and say yes."""
    tale = Tale()
    tale.does("li.wei", "try_online")
    tale.does("li.wei", "dispatch", risky="yes")
    tale.does("zhang.qiang", "accept")
    tale.does("zhang.qiang", "assign", target="huang.lei")
    with pytest.raises(Refused, match="数据保护检查") as refused:
        tale.does("huang.lei", "begin")
    assert (refused.value.code, refused.value.field) == ("conflict", "records.backup_check")
    tale.does("huang.lei", "add_record", target="backup_check", protected="no")
    with pytest.raises(Refused, match="must say yes"):
        tale.does("huang.lei", "begin")
    tale.does("huang.lei", "add_record", target="backup_check", protected="是", where="NAS")
    assert tale.does("huang.lei", "begin").state == "in_progress"


def test_everything_that_a_resolution_lacks_is_told_at_once():
    """E13, E17, E18, B13: consent, data-loss report, alternative and on-site record in one answer."""
    tale = Tale(channel=5).to_engineer()
    assert tale.ticket.channel == "on_site"
    tale.does("huang.lei", "update", touches_user_machine="true", data_unrecovered="true", cannot_meet="true")
    with pytest.raises(Refused) as refused:
        tale.does("huang.lei", "resolve", **SOLVED)
    assert {fault.field for fault in refused.value.faults} == {
        *("records.user_consent", "records.data_loss", "records.alternative", "records.on_site")
    }
    assert all(fault.zh and "add_record" in fault.zh for fault in refused.value.faults)
    tale.does("huang.lei", "add_record", target="user_consent", agreed="yes", measure="重装系统")
    tale.does("huang.lei", "add_record", target="data_loss", lost="昨日单据", cause="磁盘损坏")
    tale.does("huang.lei", "add_record", target="alternative", alternative="手工补录", accepted="yes")
    with pytest.raises(Refused):
        tale.does("huang.lei", "add_record", target="on_site", place="财务部 302")
    tale.does(
        "huang.lei",
        "add_record",
        target="on_site",
        happened_at="2025-06-10T09:10",
        place="财务部 302",
        raised_by="何洁",
        observed="无法开机",
        tips="定期备份",
    )
    assert tale.does("huang.lei", "resolve", **SOLVED).state == "resolved"
    assert replays(tale)


def test_the_resolution_record_holds_solution_steps_and_remaining_issues():
    """B14: remaining issues may be "none" and not blank."""
    tale = at_work()
    for missing in SOLVED:
        with pytest.raises(Refused) as refused:
            tale.does("huang.lei", "resolve", **(SOLVED | {missing: " "}))
        assert refused.value.field == missing
    assert tale.does("huang.lei", "resolve", **SOLVED).remaining == "无"


def test_a_transfer_without_consent_is_kept_and_marked():
    """C19, C20: the failed transfer is recorded with what the customer wants and says so on the stream."""
    tale = Tale()
    tale.does(
        "li.wei",
        "add_record",
        target="transfer",
        consent="no",
        department="网络组",
        result="failed",
        details="无法上网",
    )
    record = tale.ticket.records[-1]
    assert record.values["non_compliant"] == "yes"
    assert (tale.events[-1].key, record.values["result"]) == ("ticket.call_transferred", "failed")
    tale.does("li.wei", "add_record", target="transfer", consent="yes", department="网络组", result="connected")
    assert "non_compliant" not in tale.ticket.records[-1].values


def test_a_new_fault_found_is_told_on_the_stream():
    """E11: so that the person in charge hears of it; the linked ticket is opened beside."""
    tale = at_work()
    tale.does("huang.lei", "add_record", target="fault_found", fault="交换机告警", user_told="yes")
    assert tale.events[-1].key == "ticket.new_fault_found"


def test_options_offered_and_the_one_chosen_are_kept():
    """E16"""
    tale = at_work()
    tale.does("huang.lei", "add_record", target="options", offered="换机\n维修", chosen="维修")
    assert tale.ticket.records[-1].values == {"offered": "换机\n维修", "chosen": "维修"}


def test_wrong_information_is_corrected_even_after_the_end():
    """E15: with the apology; an ended ticket is otherwise left as it is."""
    tale = Tale()
    tale.does("li.wei", "withdraw", reason="用户撤销")
    with pytest.raises(Refused, match="add a note"):
        tale.does("li.wei", "add_record", target="options", offered="x")
    tale.does("li.wei", "add_record", target="correction", wrong="周五恢复", right="周三恢复", apologised="yes")
    assert (tale.ticket.phase, kinds(tale)) == ("cancelled", ["correction"])
    assert "add_record" in possible(tale.desk, tale.ticket, person("li.wei"), tale.now)


def test_a_new_cycle_asks_for_its_records_anew():
    """F13: what answered for the last solution does not answer for the next; the history keeps it."""
    tale = Tale("generic_desk", type="fault", grade="general", entry="network", project="")
    tale.does("g.net.one", "accept")
    tale.does("g.net.one", "begin")
    tale.does("g.net.one", "resolve", **SOLVED)
    tale.does("g.ren.yu", "tell_result", summary="已恢复")
    assert kinds(tale) == ["feedback"]
    tale.does("g.ren.yu", "reopen", reason="又断了")
    assert kinds(tale) == []
    assert ("record", "feedback", "") in [(each.field, each.old, each.new) for each in tale.events[-1].changes]


def test_a_flag_is_set_by_its_roles_and_by_yes_or_no():
    tale = Tale()
    with pytest.raises(Refused, match="yes or a no") as refused:
        tale.does("li.wei", "update", risky="perhaps")
    assert refused.value.field == "risky"
    with pytest.raises(Refused) as forbidden:
        tale.does("wang.fang", "update", upper_unit="yes")
    assert forbidden.value.code == "forbidden"
    assert tale.does("li.wei", "update", risky="yes").fields["risky"] == "true"
    assert "risky" not in tale.does("li.wei", "update", risky="no").fields


def test_records_are_masked_for_callers_without_need():
    """P1"""
    tale = at_work()
    tale.does("huang.lei", "add_record", target="contact", way="phone", summary="手机 13800138001")
    told = wire.masked(wire.ticket_to(tale.ticket))
    assert all(text == "***" for record in told.records for text in record.values.values())
    assert "13800138001" not in str(told)
    assert "13800138001" not in str([each.changes for each in tale.events])


@settings(max_examples=60, deadline=None)
@given(
    profile=st.sampled_from(PROFILES),
    writes=st.lists(st.tuples(st.integers(0, 40), st.text(max_size=60), st.booleans()), max_size=12),
)
def test_whatever_is_recorded_survives_the_wire_and_stays_bounded(profile: str, writes: list[tuple[int, str, bool]]):
    """One record a kind, in the order of their first; refused or kept, never half."""
    tale = Tale(profile)
    rules = desk(profile)
    forms = list(rules.records.values())
    for which, text, yes in writes:
        form = forms[which % len(forms)]
        words = {"text": text, "yes_no": "yes" if yes else "no", "time": "10:00"}
        values = {
            each.name: each.choices[0].key if each.kind == "choice" else words[each.kind]
            for each in form.fields
            if each.name != "reason"
        }
        who = next(each.id for each in rules.people.values() if set(each.roles) & set(form.roles))
        before = tale.ticket
        try:
            tale.does(who, "add_record", target=form.key, reason=text or "r", **values)
        except Refused:
            assert tale.ticket is before
    assert len({record.kind for record in tale.ticket.records}) == len(tale.ticket.records)
    carried = ticket_pb2.Ticket.FromString(wire.ticket_to(tale.ticket).SerializeToString())
    assert wire.ticket_from(carried) == tale.ticket
