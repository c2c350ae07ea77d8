"""Section 5.4 and consultations as people live them, with their wrong turns refused (E-group, B7, B8, B11)."""

from __future__ import annotations

import pytest

from services.dispatch import model
from services.kernel.errors import Refused
from tests.dispatch.test_flows import LEVELS, replays
from tests.dispatch.world import Tale


def names(tale: Tale) -> list[str]:
    return [event.name for event in tale.events]


def defect_to_approval(tale: Tale) -> None:
    tale.does("i.he.xin", "begin_analysis")
    tale.does("i.he.xin", "analyse", subtype="business", findings="规则配置错误")
    tale.does("i.mao.ting", "accept")
    tale.does("i.mao.ting", "propose", plan="修正规则表")


def test_a_defect_goes_from_submission_to_reply_with_the_leaders_consent():
    """B7, B15, E5, E6, E7, E8, E9, E10, section 5.4: actor and time at each step."""
    tale = Tale(LEVELS, type="system_defect", entry="business_system")
    assert tale.ticket.team == "desk", "the centre analyses first"
    defect_to_approval(tale)
    assert (tale.ticket.state, tale.ticket.assignee) == ("awaiting_approval", "i.fu.qin")
    with pytest.raises(Refused):
        tale.does("i.mao.ting", "implement")
    with pytest.raises(Refused):
        tale.does("i.mao.ting", "approve")
    tale.does("i.fu.qin", "approve", opinion="同意")
    approval = tale.ticket.records[-1]
    assert (approval.kind, approval.by, approval.at) == (
        "approval",
        model.Actor("i.fu.qin", "supervisor"),
        tale.now,
    )
    tale.does("i.mao.ting", "implement")
    tale.does("i.mao.ting", "resolve", solution="规则已修正", steps="备份；修正；验证", remaining="无")
    tale.does("i.he.xin", "confirm")
    with pytest.raises(Refused) as refused:
        tale.does("i.he.xin", "report_up", fault_kind="业务规则")
    assert {fault.field for fault in refused.value.faults} == {"cause", "method", "loss"}, "B15: four fields"
    tale.does("i.he.xin", "report_up", fault_kind="业务规则", cause="配置遗漏", method="修正配置", loss="无")
    with pytest.raises(Refused, match="变更记录"):
        tale.does("i.he.xin", "reply", analysis="核对规则", cause="配置遗漏")
    tale.does("i.he.xin", "add_record", target="change", changed="no", what="仅改配置，无程序变更")
    tale.does("i.he.xin", "reply", analysis="核对规则", cause="配置遗漏")
    ticket = tale.does("i.he.xin", "close")
    assert ticket.state == "closed"
    steps = ("opened", "dispatched", "approved", "resolved", "confirmed", "reported", "replied", "closed")
    assert [name for name in names(tale) if name in steps] == list(steps)
    assert replays(tale)


def test_a_refused_proposal_and_a_denied_solution_need_consent_anew():
    """E7, E8: the old consent does not answer for another solution."""
    tale = Tale(LEVELS, type="system_defect")
    defect_to_approval(tale)
    with pytest.raises(Refused, match="a reason"):
        tale.does("i.fu.qin", "refuse_proposal")
    tale.does("i.fu.qin", "refuse_proposal", reason="风险过大")
    assert (tale.ticket.state, tale.ticket.assignee) == ("proposing", "i.mao.ting")
    assert "proposal" not in {each.kind for each in tale.ticket.records}
    tale.does("i.mao.ting", "propose", plan="灰度修正")
    tale.does("i.fu.qin", "approve")
    tale.does("i.mao.ting", "implement")
    tale.does("i.mao.ting", "resolve", solution="s", steps="s", remaining="无")
    ticket = tale.does("i.he.xin", "deny", reason="仍然报错")
    assert {each.kind for each in ticket.records} == {"analysis"}
    assert "resolved" not in ticket.milestones
    assert replays(tale)


@pytest.mark.parametrize(("subtype", "team"), [("technical", "technical"), ("business", "business")])
def test_the_subtype_of_a_defect_decides_who_handles_it(subtype: str, team: str):
    """B7, E6"""
    tale = Tale(LEVELS, type="system_defect")
    tale.does("i.he.xin", "begin_analysis")
    with pytest.raises(Refused, match="technical, business, operational") as refused:
        tale.does("i.he.xin", "analyse", findings="x")
    assert refused.value.field == "subtype"
    assert tale.does("i.he.xin", "analyse", subtype=subtype, findings="x").team == team


def test_a_consultation_is_solved_without_dispatch():
    """B11"""
    tale = Tale(LEVELS, type="consultation")
    tale.does("i.he.xin", "answer", solution="已解答")
    assert tale.does("i.he.xin", "close").dispatches == 0
    assert "dispatched" not in names(tale)
