"""Routing that explains itself (预设的分流规则): C2, C24, A6, C28."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from services.dispatch.model import Decision, Ticket
from services.dispatch.policy.desk import Desk

OUT_OF_HOURS = "out_of_hours"
"""Name under which the emergency seat stands in a decision, where a rule's id would."""


def alert(decision: Decision | None) -> str:
    """What a supervisor must hear of: no rule matched (C24), or nobody is on the emergency seat (A6); else empty."""
    if decision is None or decision.assignee:
        return ""
    return {"": "unmatched", OUT_OF_HOURS: "seat_empty"}.get(decision.rule, "")


def facts_of(desk: Desk, ticket: Ticket, at: datetime) -> dict[str, str]:
    """What the rules may look at, as text."""
    return {
        "type": ticket.type,
        "grade": ticket.grade,
        "entry": ticket.entry,
        "channel": ticket.channel,
        "project": ticket.project,
        "unit": ticket.requester.unit,
        "path": ticket.path,
        "in_hours": "true" if desk.roster.in_hours(at) else "false",
        "major": "true" if ticket.fields.get("major") == "true" else "false",
    }


def decide(desk: Desk, ticket: Ticket, at: datetime, now: datetime) -> Decision:
    """First matching rule wins. `at` is the instant judged for service hours, `now` the time of the decision."""
    facts = facts_of(desk, ticket, at)
    routing = desk.profile.routing
    if routing.out_of_hours_team and facts["in_hours"] == "false":
        people = desk.roster.on_duty(at, team=routing.out_of_hours_team)
        seat = next((person.id for person in people if not desk.is_accused(ticket, person.id)), "")
        held = f"{seat} is on duty there" if seat else "nobody is on duty there, so it waits in the queue"
        return Decision(
            team=routing.out_of_hours_team,
            assignee=seat,
            at=now,
            rule=OUT_OF_HOURS,
            reason=f"Received outside the desk's hours: to the emergency seat; {held}.",
            facts=facts,
        )
    tried: list[str] = []
    for rule, tests in desk.rules:
        if all(facts[fact] in allowed for fact, allowed in tests):
            assignee, note = _person(desk, ticket, rule.to.person, at)
            return Decision(
                team=rule.to.team,
                assignee=assignee,
                at=now,
                rule=rule.id,
                reason=rule.why.in_language(desk.profile.profile.language) + note,
                tried=tuple(tried),
                facts=facts,
            )
        tried.append(rule.id)
    return Decision(
        team=routing.unmatched_team,
        at=now,
        reason="No rule matched: to the team that takes the unmatched, so that nothing is lost.",
        tried=tuple(tried),
        facts=facts,
    )


def _person(desk: Desk, ticket: Ticket, person: str | None, at: datetime) -> tuple[str, str]:
    """Whom a rule's person becomes: the person, the substitute, or nobody (the team's queue)."""
    if person is None:
        return "", ""
    chosen = desk.roster.stand_in(person, at)
    if desk.is_accused(ticket, chosen):
        return "", " The person of the rule is the one complained about, so it waits in the team's queue."
    if chosen != person:
        return chosen, f" {person} is absent; {chosen} stands in."
    return chosen, ""


_FACTS: Mapping[str, tuple[str, str]] = {
    "type": ("type", "类型"),
    "grade": ("grade", "分级"),
    "entry": ("catalogue entry", "服务目录"),
    "channel": ("channel", "渠道"),
    "project": ("project", "项目"),
    "unit": ("unit", "单位"),
    "path": ("path", "路径"),
    "in_hours": ("in service hours", "服务时间内"),
    "major": ("major", "重大"),
}


def explain(desk: Desk, decision: Decision, language: str) -> str:
    """The decision in words, zh-CN unless the language starts with "en" (C2)."""
    english = language.startswith("en")
    team = desk.teams.get(decision.team)
    where = team.name.in_language(language) if team else decision.team
    rule = next((rule for rule, _ in desk.rules if rule.id == decision.rule), None)
    why = rule.why.in_language(language) if rule else ""
    facts = [
        f"{_FACTS[key][0 if english else 1]}{' ' if english else '：'}{value}"
        for key, value in decision.facts.items()
        if value and key in _FACTS
    ]
    when = f"{decision.at:%Y-%m-%d %H:%M:%S} UTC"
    if english:
        to = f"It went to {where}" + (f", to {decision.assignee}" if decision.assignee else "")
        matched = f'rule "{decision.rule}" matched: {why or decision.reason}' if decision.rule else decision.reason
        tried = f" Tried before without a match: {', '.join(decision.tried)}." if decision.tried else ""
        return f"{to}, decided {when}; {matched.rstrip('.')}. The facts were: {', '.join(facts)}.{tried}"
    to = f"分派到{where}" + (f"，处理人{decision.assignee}" if decision.assignee else "")
    if decision.rule == OUT_OF_HOURS:
        matched = "服务时间之外受理，转应急坐席"
    elif decision.rule:
        matched = f"命中规则“{decision.rule}”：{why}"
    else:
        matched = "没有规则命中，转未匹配队列，不会遗失"
    tried = f"此前未命中的规则：{'、'.join(decision.tried)}。" if decision.tried else ""
    return f"{to}，决定时间 {when}；{matched.rstrip('。')}。依据：{'，'.join(facts)}。{tried}"
