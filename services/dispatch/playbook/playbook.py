"""The playbook of one emergency, and the strategies, preventive entries and plans of a desk (H1-H3, H7, H13-H15)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime

from services.contracts.deskstream.v1 import common_pb2
from services.contracts.deskstream.v1 import playbook_pb2 as pb
from services.dispatch import model, wire
from services.dispatch.handlers import Desks
from services.dispatch.playbook.limits import Limits, limits_of
from services.dispatch.playbook.steps import StepView, standing_of
from services.dispatch.playbook.story import Happened, Written, story_of, written
from services.dispatch.policy import Desk, records
from services.dispatch.policy.ends import targets
from services.dispatch.queries import Queries
from services.kernel.errors import Fault, Missing, Refused
from services.profile.emergency import Emergency, Plan, PreventiveEntry, Situation

_STATES = {
    "done": pb.PlaybookStep.STATE_DONE,
    "owed": pb.PlaybookStep.STATE_OWED,
    "due": pb.PlaybookStep.STATE_DUE,
    "overdue": pb.PlaybookStep.STATE_OVERDUE,
}


class Playbooks:
    """Reads; nothing here changes a ticket or keeps anything."""

    def __init__(self, desks: Desks, queries: Queries) -> None:
        self._desks = desks
        self._queries = queries
        self._limits: dict[tuple[str, str], Limits] = {}

    def of(self, number: str, caller: model.Caller, language: str, now: datetime) -> pb.GetPlaybookResponse:
        """Strategy, steps, missing documents, bulletins and support of an emergency.

        Missing: no such ticket. Refused: it is no emergency, or its desk keeps no playbook.
        """
        record = self._queries.record(number, caller)
        ticket = record.ticket()
        desk = self._desks.get(ticket.profile)
        facet = _facet(desk)
        if ticket.type != facet.type:
            raise Refused(
                f"Ticket {number} is no {desk.type_label(facet.type)}; a playbook is for those only.", code="conflict"
            )
        page = _Page(desk, facet, ticket, story_of(record), language, now)
        return page.told(self._limits_of(desk))

    def situations(self, profile: str, language: str, now: datetime) -> Sequence[pb.Situation]:
        """Every situation with its preventive measure and strategy (H2)."""
        desk = self._desks.get(profile)
        facet, words = _facet(desk), _Words(desk, language, now)
        return [words.situation(each, facet) for each in facet.situations]

    def prevention(self, profile: str, text: str, kind: str, language: str) -> Sequence[pb.PreventiveEntry]:
        """Preventive entries of a type that have all the words (H3)."""
        desk = self._desks.get(profile)
        facet = _facet(desk)
        kinds = [each.key for each in facet.prevention_types]
        if kind and kind not in kinds:
            raise Refused(f'"{kind[:60]}" is no type of prevention; use one of: {", ".join(kinds)}.', field="type")
        return [_entry(each, facet, _language(desk, language)) for each in facet.prevention_about(text, kind)]

    def plans(self, profile: str, language: str, now: datetime, *, overdue: bool) -> Sequence[pb.Plan]:
        """Registered plans with owner, version and review day; those to be looked at again only, when asked (H15)."""
        desk = self._desks.get(profile)
        facet, words = _facet(desk), _Words(desk, language, now)
        found = facet.overdue_plans(words.today) if overdue else facet.plans
        return [words.plan(each) for each in found]

    def _limits_of(self, desk: Desk) -> Limits:
        key = (desk.name, desk.version)
        if key not in self._limits:
            self._limits[key] = limits_of(desk)
        return self._limits[key]


def _facet(desk: Desk) -> Emergency:
    if desk.profile.emergency is None:
        raise Missing(f"The desk {desk.name} keeps no strategies for emergencies; add the facet emergency.")
    return desk.profile.emergency


def _language(desk: Desk, language: str) -> str:
    return language or desk.profile.profile.language


class _Words:
    """What stands in the profile, in the reader's language."""

    def __init__(self, desk: Desk, language: str, now: datetime) -> None:
        self._desk = desk
        self.language = _language(desk, language)
        self.today: date = now.astimezone(desk.zone).date()

    def situation(self, each: Situation, facet: Emergency) -> pb.Situation:
        plan = facet.plan(each.plan) if each.plan else None
        return pb.Situation(
            key=each.key,
            label=each.label.in_language(self.language),
            prevention=each.prevention.in_language(self.language),
            strategy=each.strategy.in_language(self.language),
            plan=self.plan(plan) if plan else None,
        )

    def plan(self, plan: Plan) -> pb.Plan:
        owner = self._desk.people.get(plan.owner)
        return pb.Plan(
            key=plan.key,
            title=plan.title.in_language(self.language),
            owner=plan.owner,
            owner_name=owner.name if owner else "",
            version=plan.version,
            review_by=plan.review_by.isoformat(),
            review_overdue=plan.review_by < self.today,
            document=plan.document,
        )


class _Page:
    """One emergency, being told."""

    def __init__(
        self,
        desk: Desk,
        facet: Emergency,
        ticket: model.Ticket,
        story: Sequence[Happened],
        language: str,
        now: datetime,
    ) -> None:
        self._desk = desk
        self._facet = facet
        self._ticket = ticket
        self._story = story
        self._now = now
        self._words = _Words(desk, language, now)

    def told(self, limits: Limits) -> pb.GetPlaybookResponse:
        kinds, ticket = self._facet.records, self._ticket
        chosen = records.record(ticket, kinds.strategy)
        situation = self._facet.situation(chosen.values.get("situation", "")) if chosen else None
        entries = {each.key: each for each in self._facet.prevention}
        linked = [entries[key] for key in targets(ticket, "prevention") if key in entries]
        steps = (standing_of(step, ticket, self._story, limits, self._now) for step in self._facet.steps)
        return pb.GetPlaybookResponse(
            number=ticket.number,
            state=ticket.state,
            grade=ticket.grade,
            situation=self._words.situation(situation, self._facet) if situation else None,
            steps=map(self._step, steps),
            missing=[self._missing(fault) for fault in self._faults()],
            bulletins=self._bulletins(),
            support=map(_support, written(self._story, kinds.support)),
            measures=map(_measure, written(self._story, kinds.measure)),
            children=targets(ticket, "child"),
            prevention=[_entry(each, self._facet, self._words.language) for each in linked],
        )

    def _faults(self) -> Iterator[Fault]:
        """What the step that asks for the bulletin, the end, still lacks (H1)."""
        if self._ticket.phase not in ("new", "open", "resolved"):
            return
        for row in self._desk.flow(self._ticket).lifecycle.transitions:
            if self._facet.records.bulletin in row.needs and self._ticket.state != row.to:
                lacking = records.owed(self._desk, row, self._ticket)
                yield from lacking.faults if lacking else ()

    def _missing(self, fault: Fault) -> pb.MissingDocument:
        text = fault.en if self._words.language.startswith("en") else fault.zh
        return pb.MissingDocument(record=fault.field.removeprefix("records."), text=text)

    def _step(self, view: StepView) -> pb.PlaybookStep:
        step = view.step
        told = pb.PlaybookStep(
            key=step.key,
            label=step.label.in_language(self._words.language),
            state=_STATES[view.standing],
            done_by=_actor(view.done_by) if view.done_by else None,
            roles=step.roles,
        )
        if view.due_at is not None:
            told.due_at.CopyFrom(wire.stamp(view.due_at))
        if view.done_at is not None:
            told.done_at.CopyFrom(wire.stamp(view.done_at))
        return told

    def _bulletins(self) -> Iterator[pb.Bulletin]:
        """H14: each with its recipients and the receipts between it and the next."""
        given = written(self._story, self._facet.records.bulletin)
        receipts = written(self._story, self._facet.records.receipt)
        for place, bulletin in enumerate(given):
            until = given[place + 1].at if place + 1 < len(given) else None
            mine = [each for each in receipts if each.at >= bulletin.at and (until is None or each.at < until)]
            children = [link.target for link in bulletin.ticket.links if link.kind == "child"]
            yield pb.Bulletin(
                event_id=bulletin.event_id,
                at=wire.stamp(bulletin.at),
                by=_actor(bulletin.by),
                situation=bulletin.values.get("situation", ""),
                text=bulletin.values.get("text", ""),
                leaders=self._facet.leaders_of(bulletin.ticket.grade),
                units=self._facet.units_in(bulletin.values.get("units", "")),
                tickets=[self._ticket.number, *children],
                receipts=map(_receipt, mine),
            )


def _actor(actor: model.Actor) -> common_pb2.Actor:
    return common_pb2.Actor(id=actor.id, role=actor.role)


def _receipt(each: Written) -> pb.Receipt:
    said = each.values
    return pb.Receipt(
        at=wire.stamp(each.at), by=_actor(each.by), from_whom=said.get("from_whom", ""), remark=said.get("remark", "")
    )


def _support(each: Written) -> pb.SupportAction:
    said = each.values
    return pb.SupportAction(
        at=wire.stamp(each.at),
        by=_actor(each.by),
        way=said.get("way", ""),
        with_whom=said.get("with_whom", ""),
        done=said.get("done", ""),
    )


def _measure(each: Written) -> pb.Measure:
    said = each.values
    return pb.Measure(
        at=wire.stamp(each.at),
        by=_actor(each.by),
        measure=said.get("measure", ""),
        owner=said.get("owner", ""),
        until=said.get("until", ""),
        commitment=said.get("commitment", ""),
    )


def _entry(each: PreventiveEntry, facet: Emergency, language: str) -> pb.PreventiveEntry:
    kind = next((one.label.in_language(language) for one in facet.prevention_types if one.key == each.type), "")
    return pb.PreventiveEntry(
        key=each.key,
        type=each.type,
        type_label=kind,
        event=each.event.in_language(language),
        text=each.text.in_language(language),
    )
