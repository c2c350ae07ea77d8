"""Words for what happened to a ticket, in Chinese and English; a word that is not here is told as it stands."""

from __future__ import annotations

from collections.abc import Mapping

EVENTS: Mapping[str, tuple[str, str]] = {
    "accepted": ("接单", "accepted it"),
    "analysed": ("提交分析", "gave the analysis"),
    "analysis_begun": ("开始分析", "began the analysis"),
    "answered": ("答复处理意见", "answered it"),
    "approved": ("审批通过", "approved it"),
    "assigned": ("指派处理人", "assigned it"),
    "bulletin_given": ("发布情况通报", "gave a bulletin"),
    "call_owed": ("登记待致电", "noted a call owed"),
    "call_transferred": ("转接电话", "transferred the call"),
    "callback_started": ("开始回访", "began the callback"),
    "called_back": ("记录回访", "recorded the callback"),
    "claimed": ("领取工单", "claimed it"),
    "closed": ("关闭工单", "closed it"),
    "completed": ("确认完成", "confirmed completion"),
    "completion_refused": ("不认可完成", "refused the completion"),
    "confirmed": ("服务台确认", "confirmed the solution"),
    "converted": ("转换类型", "converted it"),
    "coordinated": ("协调处理", "coordinated it"),
    "declined": ("不予受理", "declined it"),
    "denied": ("认定未解决", "found it not solved"),
    "departments_set": ("确定主责与协作部门", "named the departments"),
    "dispatched": ("派单", "dispatched it"),
    "emergency_coordinated": ("协调应急处理", "coordinated the emergency"),
    "emergency_declared": ("转为应急事件", "declared an emergency"),
    "emergency_planned": ("提交应急方案", "submitted an emergency plan"),
    "emergency_reported": ("上报项目经理", "reported it to the project manager"),
    "ended": ("结束应急", "ended the emergency"),
    "escalated": ("转交领导", "handed it to a leader"),
    "finding_stated": ("认定投诉", "stated the finding"),
    "findings_reported": ("报告原因与措施", "reported the findings"),
    "graded": ("分类分级", "graded it"),
    "handed_back": ("转回工单", "handed it back"),
    "handed_over": ("移交负责人", "handed it over"),
    "lead_asked": ("请主管确定主责部门", "asked who leads"),
    "linked": ("建立关联", "linked it"),
    "major_marked": ("标记重大", "marked it major"),
    "merged": ("合并工单", "merged it"),
    "new_fault_found": ("发现新故障", "found a new fault"),
    "noted": ("添加备注", "added a note"),
    "online_tried": ("尝试在线解决", "tried to solve it online"),
    "opened": ("开单", "opened the ticket"),
    "overflowed": ("转移至后备班组", "moved it to the overflow team"),
    "passed_up": ("上报运维部经理", "passed it up"),
    "plan_refused": ("退回方案", "refused the plan"),
    "planned": ("提交方案", "submitted the plan"),
    "promised": ("承诺答复时间", "promised a time of reply"),
    "proposal_refused": ("不同意方案", "refused the proposal"),
    "proposed": ("提出方案", "proposed a solution"),
    "reassigned": ("改派", "reassigned it"),
    "recorded": ("登记", "recorded it"),
    "referred_up": ("转主管（超出权限）", "referred it up, beyond authority"),
    "rejected": ("拒单", "rejected the dispatch"),
    "relapsed": ("重新应急处理", "took up the emergency again"),
    "reopened": ("重新打开", "reopened it"),
    "replied": ("答复", "replied"),
    "reported": ("提交报告", "submitted the report"),
    "resolved": ("解决", "resolved it"),
    "resources_needed": ("申请资源", "asked for resources"),
    "responded": ("响应", "responded"),
    "result_told": ("告知结果", "told the result"),
    "sent_back": ("退回上一步", "sent it back"),
    "stabilised": ("恢复稳定", "brought it to a stable state"),
    "started": ("开始处理", "began to work on it"),
    "summarised": ("提交问题总结", "submitted the summary"),
    "taken_back": ("收回工单", "took it back"),
    "taken_up": ("受理", "took it up"),
    "transferred": ("转派", "transferred it"),
    "unlinked": ("解除关联", "unlinked it"),
    "updated": ("更新内容", "updated it"),
    "urged": ("督促", "urged its holder"),
    "withdrawn": ("撤销工单", "withdrew it"),
    "worked_around": ("实施临时措施", "restored it by a workaround"),
}
"""What was done, by the name of the event."""

FIELDS: Mapping[str, tuple[str, str]] = {
    "accused": ("被投诉人", "person complained about"),
    "alert": ("提醒", "alert"),
    "assignee": ("处理人", "holder"),
    "callback": ("回访结果", "callback"),
    "cycle": ("轮次", "cycle"),
    "description": ("问题描述", "description"),
    "dispatches": ("派单次数", "dispatches"),
    "engineer": ("工程师", "engineer"),
    "entry": ("服务目录项", "catalogue entry"),
    "failed_dispatches": ("误派次数", "failed dispatches"),
    "flow": ("流程", "flow"),
    "grade": ("分级", "grade"),
    "hand_backs": ("转回次数", "hand-backs"),
    "impact": ("影响度", "impact"),
    "impact_scope": ("影响范围", "scope of impact"),
    "lead_team": ("主责部门", "lead department"),
    "links": ("关联", "links"),
    "path": ("处理途径", "path"),
    "project": ("项目", "project"),
    "project_manager": ("项目经理", "project manager"),
    "promised_at": ("明确回复时间", "promised reply"),
    "reassignments": ("转派次数", "reassignments"),
    "record": ("记录", "record"),
    "remaining": ("遗留问题", "remaining issues"),
    "repeat_contacts": ("重复来电次数", "repeated contacts"),
    "solution": ("解决方案", "solution"),
    "state": ("状态", "state"),
    "steps": ("处理步骤", "steps"),
    "supporting_teams": ("协作部门", "supporting departments"),
    "team": ("班组", "team"),
    "title": ("标题", "title"),
    "type": ("类型", "type"),
    "urgency": ("紧急度", "urgency"),
    "urges": ("督促次数", "urges"),
    "workaround": ("临时措施", "workaround"),
}
"""Audited values of a ticket."""

CHANNELS: Mapping[str, tuple[str, str]] = {
    "phone": ("电话", "telephone"),
    "email": ("邮件", "e-mail"),
    "web": ("网页", "web"),
    "im": ("即时通讯", "IM"),
    "on_site": ("现场", "on site"),
    "monitoring": ("监控", "monitoring"),
}

VALUES: Mapping[str, Mapping[str, tuple[str, str]]] = {
    "path": {"online": ("在线解决", "online"), "dispatched": ("派单处理", "dispatched")},
    "alert": {
        "hand_back_limit": ("转回或转派次数达到上限", "too many hand-backs or reassignments"),
        "merged_in": ("有工单并入", "another ticket was merged into it"),
        "merged_resolved": ("所并入的工单已解决", "the ticket it was merged into is resolved"),
        "merged_withdrawn": ("所并入的工单已撤销", "the ticket it was merged into was withdrawn"),
        "new_fault": ("发现新故障", "a new fault was found"),
        "problem_resolved": ("所属问题已解决", "its problem is resolved"),
        "seat_empty": ("应急坐席无人值班", "nobody is on the emergency seat"),
        "unmatched": ("没有分流规则命中", "no routing rule matched"),
        "unsolved_after_close": ("关闭后用户反馈未解决", "unsolved, said after closing"),
        "urged_unheld": ("被督促而无处理人", "urged, and nobody holds it"),
    },
    "callback": {
        "completed": ("已回访", "completed"),
        "unreachable": ("无法接通", "unreachable"),
        "unsolved": ("用户反馈未解决", "unsolved"),
    },
}
"""Values with words of their own, by field."""

ROLES: Mapping[str, tuple[str, str]] = {
    "system": ("系统", "system"),
    "requester": ("用户", "requester"),
    "channel_adapter": ("渠道", "channel"),
}
"""Roles that no profile lists."""


def word(table: Mapping[str, tuple[str, str]], key: str, language: str) -> str:
    """The word for a key, Chinese unless the language starts with "en"; the key itself when there is none."""
    chinese, english = table.get(key, (key, key))
    return english if language.startswith("en") else chinese
