"""Which clocks a ticket has, and how each stands: a pure function of facts, rules and the present."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from services.profile.clocks import ClockRule
from services.sla.model import Clock, Cycle, Facts, Rules, Status
from services.sla.policy import commitments
from services.sla.policy.endings import Ends, Part, parts
from services.sla.policy.eras import Era, eras_of, laid_anew
from services.sla.policy.occasions import Stretch
from services.sla.policy.pauses import bounded, joined, resting, rests_of, within
from services.sla.policy.runs import Run, runs
from services.sla.policy.terms import Graded, Terms, deadline, terms_of

Key = tuple[str, int, int]
_OVERDUE = (Status.BREACHED, Status.MET_LATE)
_PLACES = 4096
"""Generations of one start: the version that began it times so many, plus 64 for each recalculation, plus its place."""
_PLACES_OF_ERA = 64


def derive(facts: Facts, rules: Rules, before: Mapping[Key, Clock], now: datetime) -> tuple[Clock, ...]:
    """All clocks of all cycles in the order of the rules (D9); what `before` had earned or said is carried over.

    `rules`: those of `facts.policy`. When that version is not known any more, a deadline once given stays as it was
    although the rules differ (D18). A clock of a policy laid anew keeps its result beside the new one's.
    """
    eras = eras_of(facts, rules)
    clocks = _Judgement(facts, eras[0], eras, before, now).clocks()
    for era in eras[1:]:
        clocks = laid_anew(clocks, _Judgement(facts, era, eras, before, now).clocks(), eras[era.place - 1], era, before)
    derived = {clock.key[:2] for clock in clocks}
    for key, clock in before.items():
        # A generation too many was a guess made before the message that declares the change of grade was heard.
        if key[:2] not in derived and not clock.subject:
            # Its condition no longer holds; consumers have heard of it, so they hear that it ended.
            gone = replace(clock, status=Status.CANCELLED, stopped_at=facts.newest.updated_at, note="not_applicable")
            clocks.append(gone if clock.live else clock)
    if facts.commitments:
        clocks.extend(commitments.clocks_of(facts, before, now))
    return tuple(clocks)


class _Begun(NamedTuple):
    """How a generation came to be."""

    start: datetime
    known_at: datetime
    generation: int
    late: str
    """The note when it was overdue as soon as it was known."""
    since: datetime | None


class _Judgement:
    """All clocks of a ticket under the rules of one era."""

    def __init__(
        self, facts: Facts, era: Era, eras: tuple[Era, ...], before: Mapping[Key, Clock], now: datetime
    ) -> None:
        self._facts = facts
        self._era = era
        self._eras = eras
        self._rules = era.rules
        self._before = before
        self._now = now
        self._grades: Graded = facts.grades()
        self._terms: dict[str, list[Terms]] = {}
        self._made: list[Clock] = []
        self._deadlines: dict[tuple[str, int, datetime, str], Clock] | None = None

    def clocks(self) -> list[Clock]:
        facts = self._facts
        for index, cycle in enumerate(facts.cycles):
            over = facts.cycles[index + 1].begun_at if index + 1 < len(facts.cycles) else _ending(facts, cycle)
            for rule in self._rules.clocks:
                begins = rule.start.milestone
                # Most clocks of most tickets have not begun: every message passes here.
                if begins is None or begins in cycle.milestones or facts.taken_back:
                    self._of_rule(rule, cycle, over)
        return self._made

    def _of_rule(self, rule: ClockRule, cycle: Cycle, over: datetime | None) -> None:
        places: dict[int, int] = {}
        rests: list[Stretch] | None = None
        for run in runs(rule, self._facts, cycle):
            if over is not None and run.start > over:
                continue
            known_at = max(run.start, cycle.begun_at)
            # "received" and "opened" are the first cycle's; a reopening starts every clock anew.
            start = known_at if cycle.number > 0 else run.start
            if rule.only_if_breached:
                missed = [each.due_at for each in self._made if _missed(each, rule.only_if_breached, cycle.number)]
                if not missed:
                    return
                known_at = max(known_at, min(missed))
            if rests is None:
                rests = self._rests(rule, cycle)
            for part in parts(run, start, over):
                self._of_part(rule, cycle, run, part, over, known_at, rests, places)

    def _of_part(
        self,
        rule: ClockRule,
        cycle: Cycle,
        run: Run,
        part: Part,
        over: datetime | None,
        known_at: datetime,
        rests: list[Stretch],
        places: dict[int, int],
    ) -> None:
        stop = max(run.stop, part.start) if run.stop is not None else None
        begun = max(part.start, run.since) if run.since else part.start
        end = part.reset or stop or run.cancelled or run.until or over
        spans = self._terms_of(rule, begun, end)
        for index, terms in enumerate(spans):
            if terms.limit is None:
                continue
            place = places.get(part.version, 0)
            places[part.version] = place + 1
            since = terms.since or run.since
            superseded = spans[index + 1].since if index + 1 < len(spans) else run.until
            ends = Ends(stop, over, run.cancelled, superseded, part.reset, self._era.until)
            generation = part.version * _PLACES + self._era.place * _PLACES_OF_ERA + place
            begun_at = max(known_at, part.start)
            known = max(begun_at, since) if since else begun_at
            if self._era.until is not None and known >= self._era.until:
                continue
            late = ""
            if since is not None and (place or part.start != run.start):
                late = "grade_changed" if terms.since else "taken_up_again"
            clock = self._clock(rule, cycle, _Begun(part.start, known, generation, late, since), terms, ends, rests)
            if clock is not None:
                self._made.append(clock)

    def _terms_of(self, rule: ClockRule, start: datetime, stop: datetime | None) -> list[Terms]:
        """The terms between two instants; while nothing about the ticket changes them, the same for all runs."""
        if rule.due is not None or len(self._grades) > 1:
            return terms_of(rule, self._facts, self._grades, start, stop, self._rules)
        known = self._terms.get(rule.name)
        if known is None:
            known = self._terms[rule.name] = terms_of(rule, self._facts, self._grades, start, stop, self._rules)
        return known

    def _clock(
        self, rule: ClockRule, cycle: Cycle, begun: _Begun, terms: Terms, ends: Ends, rests: list[Stretch]
    ) -> Clock | None:
        """The clock; None when its time was begun anew before it was used up."""
        start, known_at, generation, late, since = begun
        earlier = self._before.get((rule.name, cycle.number, generation))
        calendar = self._rules.calendar(terms.calendar)
        due, length, policy = self._due(rule, cycle, start, terms, earlier)
        taken_out: tuple[tuple[datetime, datetime], ...] = ()
        mine: list[Stretch] = []
        first = ends.first
        if rests and not isinstance(terms.limit, datetime):
            mine = within(rests, start, first)
            taken_out = bounded(mine)
            if taken_out:
                due = calendar.add(start, length, taken_out)
        # Whoever judges by a clock that lags takes no breach back that was told.
        told = earlier is not None and earlier.breach_told and earlier.due_at == due
        status, note = ends.standing(first, due, max(self._now, due) if told else self._now)
        if note == "reset" and status is not Status.BREACHED:
            return None
        paused_since = resting(mine, due, self._now) if mine and first is None else None
        if not note and late and since is not None and due <= since:
            note = late
        return Clock(
            name=rule.name,
            cycle=cycle.number,
            generation=generation,
            grade=terms.grade,
            calendar=terms.calendar,
            started_at=start,
            known_at=known_at,
            limit_seconds=length,
            due_at=due,
            status=status if paused_since is None else Status.PAUSED,
            stopped_at=first,
            used_seconds=calendar.between(start, first, taken_out) if first else 0,
            note=note,
            taken=earlier.taken if earlier else (),
            family=rule.family,
            paused_since=paused_since,
            paused_seconds=calendar.open_within([each for each in taken_out if each[1] <= self._now]) if mine else 0,
            rests=taken_out,
            policy=policy,
            breach_told=earlier.breach_told if earlier else False,
            told=earlier.told if earlier else None,
        )

    def _due(
        self, rule: ClockRule, cycle: Cycle, start: datetime, terms: Terms, earlier: Clock | None
    ) -> tuple[datetime, int, str]:
        """Due instant without rests, length, and the policy version that gave them."""
        if isinstance(terms.limit, datetime):
            due = max(terms.limit, start)
            return due, self._rules.calendar(terms.calendar).between(start, due), self._rules.version
        if not self._era.known:
            given = self._given(rule, cycle, start, terms.grade)
            if given is not None:
                return given.due_at, given.limit_seconds, earlier.policy if earlier else given.policy
        assert terms.limit is not None  # noqa: S101 - no clock is made without one
        return *deadline(rule, terms.limit, start, self._rules, terms.calendar), self._rules.version

    def _given(self, rule: ClockRule, cycle: Cycle, start: datetime, grade: str) -> Clock | None:
        """The clock that was given a deadline before for this start and grade (D18), in whatever generation."""
        if self._deadlines is None:
            # By their place, once: a long ticket has hundreds, and each would look through all of them.
            self._deadlines = {}
            for clock in self._before.values():
                self._deadlines.setdefault((clock.name, clock.cycle, clock.started_at, clock.grade), clock)
        return self._deadlines.get((rule.name, cycle.number, start, grade))

    def _rests(self, rule: ClockRule, cycle: Cycle) -> list[Stretch]:
        """When the clock rests: in each era by that era's rules, so that a recalculation carries what was earned."""
        if len(self._eras) == 1:
            return rests_of(rule, self._facts, cycle, self._rules)
        found: list[Stretch] = []
        for era in self._eras[: self._era.place + 1]:
            mine = era.rules.by_name.get(rule.name)
            if mine is not None:
                rests = rests_of(mine, self._facts, cycle, era.rules)
                last = era.until if era.place < self._era.place else None
                found.extend(within(rests, era.since, last))
        return joined(found)


def _ending(facts: Facts, cycle: Cycle) -> datetime | None:
    """When the newest cycle was over for good, else None."""
    ended = cycle.ended_at or facts.newest.updated_at
    return cycle.milestones.get("closed", ended) if facts.newest.ended else None


def _missed(clock: Clock, name: str, cycle: int) -> bool:
    return clock.name == name and clock.cycle == cycle and clock.status in _OVERDUE
