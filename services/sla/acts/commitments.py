"""Promising a time, keeping it, giving another instead, withdrawing it; and whose promises are open (D8, O4, H17)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple, Protocol

from services.kernel.errors import Missing, Refused
from services.sla.acts.amending import Amended, amend, cause_of
from services.sla.handlers import Clocks, RulesFor
from services.sla.model import Commitment, Effect, Facts, Rules, Timeline
from services.sla.policy import promising
from services.sla.policy.commitments import NAME, status_of
from services.sla.words import brief_of

STAFF = frozenset({"specialist", "engineer", "project_manager", "administrator", "quality"} | promising.MANAGERS)
"""Who sees promises of tickets at all, beside the customer they were given to."""
OVERSEERS = frozenset({"administrator", "quality"} | promising.MANAGERS)
"""Who sees those of other people."""
MOST_TICKETS = 5000
"""Of one list; older ones are found by ticket, owner or kind."""

RolesOf = Callable[[str, str], frozenset[str] | None]
"""Profile and person -> roles; None for somebody who is not of the desk's staff."""


class Caller(promising.Caller, Protocol):
    """Who asks; runtime's Principal."""

    @property
    def name(self) -> str: ...


class Promises(Clocks, Protocol):
    """Timelines, found by the promises on them as well."""

    def promising(self, place: str, limit: int) -> Sequence[Timeline]:
        """Tickets with a promise at such a place (see `Facts.promised`)."""
        ...


class Done(NamedTuple):
    """The promise as it stands, what is to be said, and the cause to settle when it is said."""

    timeline: Timeline
    commitment: Commitment
    effects: tuple[Effect, ...]
    cause: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which promises: of a ticket, or of a person, or of a kind; due in a span."""

    number: str = ""
    owner: str = ""
    kind: str = ""
    open: bool = False
    first: datetime | None = None
    until: datetime | None = None


class Desk:
    """What people do to promises; every act is compare-and-set, idempotent by its key, and said on the stream."""

    def __init__(self, store: Promises, rules_for: RulesFor, roles_of: RolesOf) -> None:
        self._store = store
        self._rules_for = rules_for
        self._roles_of = roles_of

    def make(self, number: str, kind: str, text: str, due: str, owner: str, caller: Caller, now: datetime,
             key: str = "") -> Done:  # fmt: skip
        """Promises a time. Raises Missing, Refused ("forbidden", "conflict", or the field that is wrong)."""

        def change(timeline: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            facts = timeline.facts
            _check_not_accused(timeline, caller)
            which = promising.kind_of(kind, rules)
            keeper = owner.strip() or caller.id
            if keeper == brief_of(timeline).accused:
                raise Refused("This complaint is about them; name somebody else to keep it.", field="owner")
            self._check_owner(keeper, which.owners, facts.newest.profile, caller)
            made = promising.make(which, promising.bounded(text, "text"), due, keeper, facts, caller, rules, now)
            place = len(facts.commitments)
            effect = _effect("promised", made, place, now, cause, caller.id)
            return replace(facts, commitments=(*facts.commitments, made)), (effect,)

        cause = cause_of("promise", number, caller.id, key)
        return _last(amend(self._store, self._rules_for, number, change, now, cause), "promised", cause)

    def keep(self, number: str, commitment_id: str, note: str, caller: Caller, now: datetime, key: str = "") -> Done:
        """It was kept: in time, or late. Kept once, it stays as it was."""

        def change(timeline: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            place, known = self._mine(timeline, commitment_id, caller, rules)
            if known.kept_at is not None:
                return timeline.facts, ()
            _check_open(known, now)
            words = promising.bounded(note, "note", needed=False)
            kept = replace(known, kept_at=now, kept_by=caller.id, note=words)
            return promising.changed(timeline.facts, place, kept), ()

        cause = cause_of(f"keep/{commitment_id}", number, caller.id, key)
        return _of(amend(self._store, self._rules_for, number, change, now, cause), commitment_id, cause)

    def renegotiate(self, number: str, commitment_id: str, due: str, reason: str, caller: Caller, now: datetime,
                    key: str = "") -> Done:  # fmt: skip
        """Another time instead. What had broken stays broken; the new promise follows it all the same."""

        def change(timeline: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            place, known = self._mine(timeline, commitment_id, caller, rules)
            _check_open(known, now)
            words, facts = promising.bounded(reason, "reason"), timeline.facts
            kind = promising.kind_of(known.kind, rules)
            made = promising.make(kind, known.text, due, known.owner, facts, caller, rules, now)
            if made.due_at == known.due_at:
                raise Refused("That is the time that stands already; name another.", field="due")
            facts = promising.changed(facts, place, replace(known, replaced_by=made.id, closed_at=now, note=words))
            effects = (
                _effect("renegotiated", known, place, now, cause, caller.id, words),
                _effect("promised", made, len(facts.commitments), now, cause, caller.id, words),
            )
            return replace(facts, commitments=(*facts.commitments, made)), effects

        cause = cause_of(f"renegotiate/{commitment_id}", number, caller.id, key)
        return _last(amend(self._store, self._rules_for, number, change, now, cause), "promised", cause)

    def withdraw(self, number: str, commitment_id: str, reason: str, caller: Caller, now: datetime,
                 key: str = "") -> Done:  # fmt: skip
        """It no longer holds, with the reason; what had broken stays broken."""

        def change(timeline: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            place, known = self._mine(timeline, commitment_id, caller, rules)
            words = promising.bounded(reason, "reason")
            if known.withdrawn:
                return timeline.facts, ()
            _check_open(known, now)
            gone = replace(known, withdrawn=True, closed_at=now, note=words)
            effect = _effect("withdrawn", known, place, now, cause, caller.id, words)
            return promising.changed(timeline.facts, place, gone), (effect,)

        cause = cause_of(f"withdraw/{commitment_id}", number, caller.id, key)
        return _of(amend(self._store, self._rules_for, number, change, now, cause), commitment_id, cause)

    def found(self, wanted: Wanted, caller: Caller) -> list[tuple[Timeline, Commitment]]:
        """Promises by due instant, soonest first. Refuses ("forbidden") what is not the caller's to see."""
        timelines, owner = self._looked_up(wanted, caller)
        matching = [
            (timeline, each)
            for timeline in timelines
            if not _is_accused(timeline, caller)
            for each in timeline.facts.commitments
            if (not owner or each.owner == owner)
            and (not wanted.kind or each.kind == wanted.kind)
            and (not wanted.open or each.open)
            and (wanted.first is None or each.due_at >= wanted.first)
            and (wanted.until is None or each.due_at < wanted.until)
        ]
        return sorted(matching, key=lambda found: (found[1].due_at, found[0].number, found[1].id))

    def _looked_up(self, wanted: Wanted, caller: Caller) -> tuple[Sequence[Timeline], str]:
        """Timelines to look through, and whose promises; "" for everybody's."""
        staff, overseer = (not roles.isdisjoint(caller.roles) for roles in (STAFF, OVERSEERS))
        if wanted.number:
            timeline = self._store.read([wanted.number]).get(wanted.number)
            if timeline is None or _is_accused(timeline, caller) or not (staff or _asked(timeline, caller)):
                raise Missing(f'No promises are kept for ticket "{wanted.number}".')
            # Who keeps a promise is the desk's inside: customers cannot find it out by asking for each in turn.
            return [timeline], wanted.owner if staff else ""
        if not staff:
            raise Refused("Name a ticket of yours.", code="forbidden", field="number")
        owner = wanted.owner or ("" if wanted.kind and overseer else caller.id)
        if owner != caller.id and not overseer:
            raise Refused("Promises of other people are shown to those in charge.", code="forbidden", field="owner")
        place = f"owner/{owner}" if owner else f"kind/{wanted.kind}"
        return self._store.promising(f"open/{place}" if wanted.open else place, MOST_TICKETS), owner

    def _mine(self, timeline: Timeline, commitment_id: str, caller: Caller, rules: Rules) -> tuple[int, Commitment]:
        if STAFF.isdisjoint(caller.roles):
            raise Refused("Only the desk's staff may change a promise.", code="forbidden")
        _check_not_accused(timeline, caller)
        place, known = promising.find(timeline.facts, commitment_id)
        promising.check_may_change(known, timeline.facts, caller, rules)
        return place, known

    def _check_owner(self, owner: str, roles: Sequence[str], profile: str, caller: Caller) -> None:
        held: frozenset[str] | set[str] | None = self._roles_of(profile, owner)
        if held is None and owner == caller.id:
            held = set(caller.roles)
        if held is None:
            named = owner[:64]
            raise Refused(f'There is nobody "{named}" at this desk to keep it; name one of its people.', field="owner")
        if roles and held.isdisjoint(roles):
            raise Refused(f"That is kept by: {', '.join(roles)}; name one of them as owner.", field="owner")


def _effect(kind: str, commitment: Commitment, place: int, now: datetime, cause: str, actor: str,
            reason: str = "") -> Effect:  # fmt: skip
    return Effect(kind, NAME, commitment.cycle, place, 0, now, now, cause, reason=reason, actor=actor)


def _last(amended: Amended, kind: str, cause: str) -> Done:
    """The promise that this cause made, also when it is asked again."""
    effect = next(each for each in reversed(amended.effects) if each.kind == kind)
    return Done(amended.timeline, amended.timeline.facts.commitments[effect.generation], amended.effects, cause)


def _of(amended: Amended, commitment_id: str, cause: str) -> Done:
    _, commitment = promising.find(amended.timeline.facts, commitment_id)
    return Done(amended.timeline, commitment, amended.effects, cause)


def _check_open(commitment: Commitment, now: datetime) -> None:
    if not commitment.open:
        word = status_of(commitment, now)
        raise Refused(f"This promise is {word}; nothing is left to change in it.", code="conflict")


def _is_accused(timeline: Timeline, caller: Caller) -> bool:
    """Nobody has to do with a complaint about themselves (C28)."""
    accused = brief_of(timeline).accused
    return bool(accused) and accused in (caller.id, caller.name)


def _check_not_accused(timeline: Timeline, caller: Caller) -> None:
    """As if there were no such ticket: who is complained about is told nothing of it (C28)."""
    if _is_accused(timeline, caller):
        raise Missing(f'No clocks are kept for ticket "{timeline.number}".')


def _asked(timeline: Timeline, caller: Caller) -> bool:
    """Whether the caller is the customer."""
    requester = brief_of(timeline).requester.id
    return bool(requester) and requester == caller.id
