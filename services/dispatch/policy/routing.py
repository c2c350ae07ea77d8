"""Routing that can be explained and rehearsed (预设的分流规则): C2, C14, C24, A6, C28."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from services.dispatch.model import Decision, Ticket
from services.dispatch.policy.desk import Desk
from services.profile.facet import Label

OUT_OF_HOURS = "out_of_hours"
"""Name under which the emergency seat stands in a decision, where a rule's id would."""

CATALOGUE = "catalogue_entry"
"""The same for a team that the service catalogue names for what no rule matches (A18)."""

_SEAT = "非服务时间受理，转应急坐席。Received outside the desk's hours: to the emergency seat."
_OF_ENTRY = "没有规则命中，转服务目录项 {entry} 的班组。No rule matched: to the team of the catalogue entry {entry}."
_UNMATCHED = (
    "没有规则命中，转由受理未命中工单的班组处理，不会遗漏。"
    "No rule matched: to the team that takes the unmatched, so that nothing is lost."
)

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONGEST_FACT = 100


@dataclass(frozen=True, slots=True)
class Ruling:
    """What the facts alone decide, before anybody looks who is there. `rule` is empty when none matched (C24)."""

    team: str
    rule: str = ""
    person: str = ""
    reason: str = ""
    score: int = 0
    tried: tuple[str, ...] = ()
    tried_count: int = 0


def alert(decision: Decision | None) -> str:
    """What a supervisor must hear of: no rule matched (C24), or nobody is on the emergency seat (A6); else empty."""
    if decision is None or decision.assignee:
        return ""
    return {"": "unmatched", OUT_OF_HOURS: "seat_empty"}.get(decision.rule, "")


def facts_of(desk: Desk, ticket: Ticket, at: datetime) -> dict[str, str]:
    """What the rules may look at, as text; what is not known is absent. Ids and choices only: kept for ever."""
    who, fields = ticket.requester, ticket.fields
    facts = {
        "type": ticket.type,
        "neutral_type": ticket.neutral_type,
        "grade": ticket.grade,
        "entry": ticket.entry,
        "channel": ticket.channel,
        "project": ticket.project,
        "unit": who.unit,
        "department": who.department,
        "customer": who.id,
        "language": (who.language or desk.profile.profile.language).partition("-")[0].lower(),
        "path": ticket.path,
        "flow": ticket.flow,
        "lead_team": ticket.lead_team,
        "impact": ticket.impact,
        "urgency": ticket.urgency,
        "external": "true" if who.external else "",
        "backfilled": "true" if ticket.backfilled else "",
        "major": "true" if fields.get("major") == "true" else "false",
        "judged_at": at.isoformat(),
    }
    facts.update((f"fields.{name}", fields.get(name, "")) for name in desk.asked_fields)
    facts |= instant_facts(desk, at)
    return {name: value[:_LONGEST_FACT] for name, value in facts.items() if value}


def instant_facts(desk: Desk, at: datetime) -> dict[str, str]:
    """What an instant is on the desk's calendars: judged anew when a changed profile is rehearsed."""
    local = at.astimezone(desk.zone)
    facts = {
        "in_hours": "true" if desk.roster.in_hours(at) else "false",
        "weekday": _WEEK[local.weekday()],
        "time": f"{local:%H:%M}",
    }
    for name, calendar in desk.asked_calendars.items():
        facts[f"calendar.{name}"] = "open" if calendar.is_open(at) else "closed"
    return facts


def rule_on(desk: Desk, facts: Mapping[str, str]) -> Ruling:
    """The rules' word on these facts: the emergency seat outside hours (A6), the rule that decides, or none (C24)."""
    routing = desk.profile.routing
    if routing.out_of_hours_team and facts.get("in_hours") == "false":
        return Ruling(routing.out_of_hours_team, OUT_OF_HOURS, reason=_SEAT)
    match = desk.rules.judge(facts)
    if match.rule is None:
        entry = facts.get("entry", "")
        if team := desk.profile.catalogue.default_of(entry, "team"):
            return Ruling(
                team, CATALOGUE, reason=_OF_ENTRY.format(entry=entry), tried=match.tried, tried_count=match.tried_count
            )
        return Ruling(routing.unmatched_team, reason=_UNMATCHED, tried=match.tried, tried_count=match.tried_count)
    return Ruling(
        team=match.rule.to.team,
        rule=match.rule.id,
        person=match.rule.to.person or "",
        reason=match.rule.why.in_language(desk.profile.profile.language),
        score=match.score,
        tried=match.tried,
        tried_count=match.tried_count,
    )


def decide(desk: Desk, ticket: Ticket, at: datetime, now: datetime) -> Decision:
    """Where the ticket goes and why. `at` is the instant judged for service hours, `now` the time of the decision."""
    facts = facts_of(desk, ticket, at)
    ruling = rule_on(desk, facts)
    assignee, why = _person(desk, ticket, ruling, at)
    return Decision(
        team=ruling.team,
        assignee=assignee,
        at=now,
        rule=ruling.rule,
        reason=f"{ruling.reason} {why.in_language(desk.profile.profile.language)}".rstrip(),
        tried=ruling.tried,
        facts=facts,
        why_person=why.zh,
        why_person_en=why.en,
        score=ruling.score,
        tried_count=ruling.tried_count,
        policy_version=desk.version,
    )


_NOBODY = Label(zh="", en="")


def _person(desk: Desk, ticket: Ticket, ruling: Ruling, at: datetime) -> tuple[str, Label]:
    """Whom the ruling means, and why: who is on the emergency seat, the person or substitute, else the team's queue."""
    if ruling.rule == OUT_OF_HOURS:
        people = desk.roster.on_duty(at, team=ruling.team)
        seat = next((person.id for person in people if not desk.is_accused(ticket, person.id)), "")
        if not seat:
            empty = Label(zh="该坐席无人值班，在队列中等待。", en="Nobody is on duty there, so it waits in the queue.")
            return "", empty
        return seat, Label(zh=f"{seat}当班。", en=f"{seat} is on duty there.")
    if not ruling.person:
        return "", _NOBODY
    chosen = desk.roster.stand_in(ruling.person, at)
    if desk.is_accused(ticket, chosen):
        return "", Label(
            zh="规则指定的人是被投诉人，因此在班组队列中等待。",
            en="The person of the rule is the one complained about, so it waits in the team's queue.",
        )
    if chosen != ruling.person:
        return chosen, Label(
            zh=f"{ruling.person}不在岗，由{chosen}代理。", en=f"{ruling.person} is absent; {chosen} stands in."
        )
    return chosen, Label(zh=f"规则指定{chosen}。", en=f"The rule names {chosen}.")
