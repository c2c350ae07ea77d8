"""ClockService: what is open, holding clocks and letting them go on, recalculating, what two policies differ in."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import grpc

from services.contracts.deskstream.v1 import clocks_pb2 as pb
from services.contracts.deskstream.v1 import clocks_pb2_grpc as rpc
from services.contracts.deskstream.v1 import sla_pb2
from services.kernel.clock import Clock, to_milliseconds
from services.kernel.errors import Refused
from services.profile.differences import fields_changed
from services.runtime.message import Said
from services.runtime.rpc import Allow, caller
from services.sla.acts.amending import Amended, Change, amend, cause_of, known_id
from services.sla.acts.listing import Listing, standing_of, within_page
from services.sla.acts.reading import READERS, STAFF, is_about, nameless, readable
from services.sla.acts.telling import Teller
from services.sla.handlers import Clocks, RulesFor
from services.sla.model import Clock as TicketClock
from services.sla.model import Effect, Facts, Recalculation, Rules, Timeline
from services.sla.policy.holding import MAY_RECALCULATE, changes, hold, let_go, recalculated
from services.sla.policy.steps import judge
from services.sla.rulebook import Book
from services.sla.words import brief_of, pause_of, stamp, state_of

NAME = pb.DESCRIPTOR.services_by_name["ClockService"].full_name
ALLOW: Mapping[str, Allow] = {
    # The last is who holds the installation's own token, on whose machine the command is given.
    "ListOpen": READERS | {"channel_adapter"},
    # The roles that may hold a clock are the policy's; the judgement decides among those of the desk.
    "PauseClock": STAFF,
    "ResumeClock": STAFF,
    "Recalculate": MAY_RECALCULATE,
    "DiffPolicy": READERS | {"channel_adapter"},
}
_MOST = 500


class Books(Protocol):
    """Policy versions that were ever in force here."""

    def book(self, profile: str, version: str = "") -> Book:
        """That version, with "" the one in force. Raises kernel Missing."""
        ...


class Servicer(rpc.ClockServiceServicer):
    """Answers from the timelines; says what people's acts bring about."""

    def __init__(
        self,
        store: Clocks,
        listing: Listing,
        rules_for: RulesFor,
        books: Books,
        clock: Clock,
        publish: Callable[[Sequence[Said]], object],
    ) -> None:
        self._store = store
        self._listing = listing
        self._rules_for = rules_for
        self._books = books
        self._clock = clock
        self._teller = Teller(store, rules_for, publish)

    def ListOpen(self, request: pb.ListOpenRequest, context: grpc.ServicerContext) -> pb.ListOpenResponse:
        """Open tickets with age, holder, next due and breach state, by number (D20)."""
        size, now = min(max(request.page_size, 0) or 100, _MOST), self._now()
        holders = self._listing.open()
        page = within_page(holders, request.page_token, request.team, request.assignee, size + 1)
        kept = self._store.read([each.number for each in page[:size]])
        return pb.ListOpenResponse(
            tickets=[
                self._open(kept[each.number], now)
                for each in page[:size]
                if each.number in kept and not is_about(brief_of(kept[each.number]), caller())
            ],
            next_page_token=page[size - 1].number if len(page) > size else "",
        )

    def PauseClock(self, request: pb.PauseClockRequest, context: grpc.ServicerContext) -> pb.PauseClockResponse:
        """Holds a clock, or every clock that may be held; refused unless the policy permits it (D16)."""
        person, now = caller(), self._now()
        cause = cause_of("paused", request.number, person.id, request.idempotency_key)
        known = known_id(cause)

        def change(before: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            return hold(before, known, request.clock, request.reason, person.id, person.roles, rules, now), ()

        done = self._amend(request.number, change, now, cause)
        taken = next(each for each in done.timeline.facts.holds if each.id == known)
        return pb.PauseClockResponse(pause=pause_of(taken), clocks=self._states(done.timeline, now))

    def ResumeClock(self, request: pb.ResumeClockRequest, context: grpc.ServicerContext) -> pb.ResumeClockResponse:
        """Lets what is held go on (D16)."""
        person, now = caller(), self._now()
        cause = cause_of("resumed", request.number, person.id, request.idempotency_key)

        def change(before: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            return let_go(before, known_id(cause), request.clock, person.id, person.roles, rules, now), ()

        done = self._amend(request.number, change, now, cause)
        return pb.ResumeClockResponse(clocks=self._states(done.timeline, now))

    def Recalculate(self, request: pb.RecalculateRequest, context: grpc.ServicerContext) -> pb.RecalculateResponse:
        """Lays the policy in force under the ticket's clocks, on purpose; or shows what that would change (D18)."""
        person, now = caller(), self._now()
        before = self._read(request.number)
        in_force = self._rules_for(before.facts.newest.profile, "")
        cause = cause_of("recalculated", request.number, person.id, request.idempotency_key)

        def change(standing: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            return recalculated(standing, person.id, request.reason, in_force, now, cause)

        if request.dry_run:
            facts, _ = change(before, in_force)
            if facts is before.facts:
                return _unchanged(facts.policy)
            after = judge(before, facts, in_force, now, cause)
            # What time alone changes meanwhile is none of the policy's doing.
            rules = self._rules_for(before.facts.newest.profile, before.facts.policy)
            standing = judge(before, before.facts, rules, now, cause).clocks
            return self._recalculation(standing, after, facts.recalculations[-1])
        done = self._amend(request.number, change, now, cause)
        laid = next((each.step for each in done.effects if each.kind == "recalculated"), None)
        if laid is None:
            return _unchanged(done.timeline.facts.policy)
        # What the message on the stream tells, so that hearing and answer agree, also when the act is asked for again.
        told = next(
            each for each in self._teller.words(done.timeline, done.effects) if each.key == "sla.recalculated"
        ).body
        assert isinstance(told, sla_pb2.SlaEvent)  # noqa: S101 - by its key
        return pb.RecalculateResponse(recalculation=told.recalculation, changed=True)

    def DiffPolicy(self, request: pb.DiffPolicyRequest, context: grpc.ServicerContext) -> pb.DiffPolicyResponse:
        """What two versions of a policy differ in, as far as clocks go, field by field (D18)."""
        if not request.profile:
            raise Refused("Name the profile whose versions are to be compared.", field="profile")
        old, new = (
            self._books.book(request.profile, version) for version in (request.old_version, request.new_version)
        )
        found = fields_changed(json.loads(old.text), json.loads(new.text))
        return pb.DiffPolicyResponse(
            old_version=old.version,
            new_version=new.version,
            differences=[pb.PolicyDifference(field=each.field, old=each.old, new=each.new) for each in found],
        )

    def _open(self, timeline: Timeline, now: datetime) -> pb.OpenTicket:
        rules = self._rules_for(timeline.facts.newest.profile, timeline.facts.policy)
        standing = standing_of(timeline, rules, now)
        return pb.OpenTicket(
            ticket=nameless(brief_of(timeline)),
            received_at=stamp(standing.received_at),
            age_seconds=int(standing.age.total_seconds()),
            next=state_of(standing.next, rules, now) if standing.next else None,
            standing=standing.word,
            breaches=standing.breaches,
        )

    def _amend(self, number: str, change: Change, now: datetime, cause: str) -> Amended:
        person = caller()

        def allowed(before: Timeline, rules: Rules) -> tuple[Facts, tuple[Effect, ...]]:
            readable(before, number, person)
            return change(before, rules)

        done = amend(self._store, self._rules_for, number, allowed, now, cause)
        self._teller.tell(done.timeline, done.effects, cause)
        return done

    def _states(self, timeline: Timeline, now: datetime) -> list[sla_pb2.ClockState]:
        rules = self._rules_for(timeline.facts.newest.profile, timeline.facts.policy)
        return [state_of(each, rules, now, timeline.facts) for each in timeline.clocks]

    def _recalculation(
        self, before: Sequence[TicketClock], after: Timeline, laid: Recalculation
    ) -> pb.RecalculateResponse:
        profile = after.facts.newest.profile
        old, new = self._rules_for(profile, laid.old), self._rules_for(profile, laid.new)
        told = sla_pb2.Recalculation(
            by=laid.by, reason=laid.reason, old_version=laid.old, new_version=laid.new, at=stamp(laid.at)
        )
        for was, now in changes(before, after.clocks):
            told.changes.add(
                before=state_of(was, old, laid.at) if was else None, after=state_of(now, new, laid.at) if now else None
            )
        return pb.RecalculateResponse(recalculation=told, changed=True)

    def _read(self, number: str) -> Timeline:
        found = self._store.read([number]).get(number)
        readable(found, number, caller())
        assert found is not None  # noqa: S101 - nobody may read what is not there
        return found

    def _now(self) -> datetime:
        return to_milliseconds(self._clock.now())


def _unchanged(policy: str) -> pb.RecalculateResponse:
    """The policy in force lies under the ticket already."""
    return pb.RecalculateResponse(recalculation=sla_pb2.Recalculation(old_version=policy, new_version=policy))
