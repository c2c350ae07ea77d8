"""gRPC RosterService: one line per method and the mapping around it. Who may do what is a matter of the profile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from services.contracts.deskstream.v1 import roster_pb2 as pb
from services.contracts.deskstream.v1 import roster_pb2_grpc as stubs
from services.directory.duty_board import ToldDuties
from services.directory.duty_records import DutyRecords, Notes
from services.directory.feeds import Feeds
from services.directory.roster_limits import Wish
from services.directory.roster_model import Request
from services.directory.roster_months import Change, this_month
from services.directory.roster_wire import entries_of, handover_of, month_of, request_of
from services.directory.rosters import Rosters
from services.directory.substitutes import LONGEST, Candidate, Substitutes
from services.kernel.clock import Clock
from services.kernel.errors import Refused
from services.runtime.rpc import Allow, caller

NAME = "deskstream.v1.RosterService"
_EVERYBODY_OF_THE_DESK: tuple[str, ...] = (
    *("specialist", "engineer", "project_manager", "team_leader", "shift_leader", "desk_manager", "supervisor"),
    *("operations_manager", "quality", "administrator"),
)
_STAFF = frozenset(_EVERYBODY_OF_THE_DESK)
_PRIVATE = frozenset({"team_leader", "desk_manager", "supervisor", "operations_manager"})
"""Who of the desk reads why somebody else is away (P1)."""

ALLOW: Mapping[str, Allow] = {
    **dict.fromkeys(
        (
            *("MakeRoster", "GetRoster", "FileRoster", "RequestLeave", "RequestSwap", "DecideRequest", "ListRequests"),
            *("AddHandover", "SignHandover", "AddDutyLog", "ListDutyRecords", "GetDuty", "MakeFeed"),
            "ListSubstitutes",
        ),
        _STAFF,
    ),
    # Calendar programs cannot sign in: the signed address is the proof.
    "GetFeed": "ANYONE",
}


class RosterServicer(stubs.RosterServiceServicer):
    """Rosters, leave and swaps, handovers and logs, duty and feeds."""

    def __init__(
        self, rosters: Rosters, records: DutyRecords, duties: ToldDuties, feeds: Feeds, clock: Clock,
        substitutes: Substitutes,
    ) -> None:  # fmt: skip
        self._rosters = rosters
        self._records = records
        self._duties = duties
        self._feeds = feeds
        self._clock = clock
        self._substitutes = substitutes

    def MakeRoster(self, request: pb.MakeRosterRequest, context: Any) -> pb.MakeRosterResponse:
        now = self._clock.now()
        changes = [Change(each.shift, each.remove, each.add, each.post) for each in request.changes]
        loaded, book = self._rosters.make(
            request.profile, request.month, changes, request.keep, request.expected_version, request.reason,
            caller().id, now,
        )  # fmt: skip
        return pb.MakeRosterResponse(roster=month_of(loaded, book, now))

    def GetRoster(self, request: pb.GetRosterRequest, context: Any) -> pb.GetRosterResponse:
        now = self._clock.now()
        return pb.GetRosterResponse(roster=month_of(*self._rosters.get(request.profile, request.month, now), now))

    def FileRoster(self, request: pb.FileRosterRequest, context: Any) -> pb.FileRosterResponse:
        now = self._clock.now()
        loaded, book = self._rosters.file(
            request.profile, request.month, request.expected_version, request.consent, caller().id, now
        )
        return pb.FileRosterResponse(roster=month_of(loaded, book, now))

    def RequestLeave(self, request: pb.RequestLeaveRequest, context: Any) -> pb.RequestLeaveResponse:
        if not (request.HasField("start") and request.HasField("end")):
            raise Refused("A leave begins and ends; give both times.", field="start")
        start, end = request.start.ToDatetime(UTC), request.end.ToDatetime(UTC)
        loaded, _ = self._rosters.ruled(request.profile)
        wish = self._wish(f"{loaded.name}/{this_month(loaded, start)}", request)
        made = self._rosters.leave(loaded.name, wish, start, end, request.substitute, request.extends)
        told = pb.RequestLeaveResponse(request=self._shown(made))
        if not request.substitute and end - start <= LONGEST:
            found = self._substitutes.of(loaded.name, made.person, start, end, self._clock.now())
            told.candidates.extend(_substitute_of(each) for each in found)
        return told

    def RequestSwap(self, request: pb.RequestSwapRequest, context: Any) -> pb.RequestSwapResponse:
        loaded, _ = self._rosters.ruled(request.profile)
        wish = self._wish(f"{loaded.name}/{request.shift[:7]}", request)
        made = self._rosters.swap(loaded.name, wish, request.shift, request.partner, request.partner_shift)
        return pb.RequestSwapResponse(request=self._shown(made))

    def DecideRequest(self, request: pb.DecideRequestRequest, context: Any) -> pb.DecideRequestResponse:
        made = self._rosters.decide(request.id, caller().id, request.agree, request.reason, self._clock.now())
        return pb.DecideRequestResponse(request=self._shown(made))

    def ListRequests(self, request: pb.ListRequestsRequest, context: Any) -> pb.ListRequestsResponse:
        _, book = self._rosters.get(request.profile, request.month, self._clock.now())
        found = [each for each in book.requests if request.state in ("", each.state)]
        return pb.ListRequestsResponse(requests=[self._shown(each) for each in found])

    def AddHandover(self, request: pb.AddHandoverRequest, context: Any) -> pb.AddHandoverResponse:
        notes = Notes(request.open_tickets, request.commitments, request.emergencies)
        made = self._records.give(request.profile, request.shift, request.taker, notes, caller().id, self._clock.now())
        return pb.AddHandoverResponse(handover=handover_of(made))

    def SignHandover(self, request: pb.SignHandoverRequest, context: Any) -> pb.SignHandoverResponse:
        return pb.SignHandoverResponse(
            handover=handover_of(self._records.take(request.id, caller().id, self._clock.now()))
        )

    def AddDutyLog(self, request: pb.AddDutyLogRequest, context: Any) -> pb.AddDutyLogResponse:
        key = request.idempotency_key or uuid4().hex
        made = self._records.log(
            request.profile, request.shift, request.text, request.abnormal, request.reported, key, caller().id,
            self._clock.now(),
        )  # fmt: skip
        return pb.AddDutyLogResponse(entry=entries_of([made])[0])

    def ListDutyRecords(self, request: pb.ListDutyRecordsRequest, context: Any) -> pb.ListDutyRecordsResponse:
        loaded, _ = self._rosters.ruled(request.profile)
        if caller().id not in loaded.lookups.people and not caller().has("administrator"):
            # What was promised to whom is written there (P1).
            raise Refused(f"You are not of the desk {loaded.name}; ask its team leader.", code="forbidden")
        entries, handovers, missing = self._records.day(request.profile, request.day, self._clock.now())
        return pb.ListDutyRecordsResponse(
            entries=entries_of(entries), handovers=[handover_of(each) for each in handovers], missing=missing
        )

    def GetDuty(self, request: pb.GetDutyRequest, context: Any) -> pb.GetDutyResponse:
        loaded, _ = self._rosters.ruled(request.profile)
        told = self._duties.duty(loaded.name)
        if told is None or told.version <= request.known_version:
            return pb.GetDutyResponse()
        return pb.GetDutyResponse(table=pb.DutyTable.FromString(told.table))

    def MakeFeed(self, request: pb.MakeFeedRequest, context: Any) -> pb.MakeFeedResponse:
        return pb.MakeFeedResponse(
            token=self._feeds.address(request.profile, request.team, request.revoke, caller().id)
        )

    def GetFeed(self, request: pb.GetFeedRequest, context: Any) -> pb.GetFeedResponse:
        return pb.GetFeedResponse(calendar=self._feeds.calendar(request.token, self._clock.now()))

    def ListSubstitutes(self, request: pb.ListSubstitutesRequest, context: Any) -> pb.ListSubstitutesResponse:
        now = self._clock.now()
        start = request.start.ToDatetime(UTC) if request.HasField("start") else now
        end = request.end.ToDatetime(UTC) if request.HasField("end") else start + timedelta(days=1)
        found = self._substitutes.of(request.profile, request.person, start, end, now)
        return pb.ListSubstitutesResponse(candidates=[_substitute_of(each) for each in found])

    def _wish(self, place: str, request: pb.RequestLeaveRequest | pb.RequestSwapRequest) -> Wish:
        now: datetime = self._clock.now()
        evidence = request.evidence if isinstance(request, pb.RequestLeaveRequest) else ""
        return Wish(
            f"{place}/{uuid4().hex[:12]}", caller().id, now, request.reason, evidence, request.acute, request.insist
        )

    def _shown(self, request: Request) -> pb.RosterRequest:
        who, (loaded, _) = caller(), self._rosters.ruled(request.id.split("/")[0])
        leads = who.has(*_PRIVATE) and who.id in loaded.lookups.people
        return request_of(request, leads or who.id in (request.person, request.other))


def _substitute_of(candidate: Candidate) -> pb.Substitute:
    """A candidate as it is shown; addresses stay where they are."""
    return pb.Substitute(
        person=candidate.person.id,
        name=candidate.person.name,
        roles=candidate.roles,
        teams=candidate.teams,
        skills=candidate.skills,
        rested=candidate.rested,
    )
