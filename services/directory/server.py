"""The directory over gRPC: one line per method, plus the mapping."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import directory_pb2 as pb
from services.contracts.deskstream.v1 import directory_pb2_grpc as stubs
from services.directory.handlers import KeptProfiles, People, SignIn, read_profile
from services.directory.policy import may_see_addresses
from services.directory.roster_wire import stamp
from services.kernel.clock import Clock
from services.profile.duty import Roster
from services.profile.load import LoadedProfile, Profiles
from services.profile.schema import Person, Team
from services.runtime.identity import Principal, Signer
from services.runtime.rpc import Allow, caller

NAME = "deskstream.v1.DirectoryService"
TOKEN_LIFETIME = timedelta(hours=12)
"""A working day and its handover; then one signs in again."""

ALLOW: Mapping[str, Allow] = {
    "IssueToken": "ANYONE",
    "GetPerson": "SIGNED_IN",
    "ListTeams": "SIGNED_IN",
    "WhoIsOnDuty": "SIGNED_IN",
    "GetProfile": "SIGNED_IN",
    "ListProfiles": "SIGNED_IN",
}


class DirectoryServicer(stubs.DirectoryServiceServicer):
    """Answers for people, teams, duty and profiles. `wall` judges sign-ins and tokens, `clock` everything else."""

    def __init__(
        self, profiles: Profiles, people: People, sign_in: SignIn, kept: KeptProfiles, signer: Signer, clock: Clock,
        wall: Clock, roster_at: Callable[[LoadedProfile, datetime], Roster],
    ) -> None:  # fmt: skip
        self._profiles = profiles
        self._people = people
        self._sign_in = sign_in
        self._kept = kept
        self._signer = signer
        self._clock = clock
        self._wall = wall
        self._roster_at = roster_at

    def IssueToken(self, request: pb.IssueTokenRequest, context: Any) -> pb.IssueTokenResponse:
        now = self._wall.now()
        person = self._sign_in.sign_in(request.person, request.password, now)
        token = self._signer.sign(_principal(person), TOKEN_LIFETIME)
        return pb.IssueTokenResponse(token=token, expires_at=stamp(now + TOKEN_LIFETIME))

    def GetPerson(self, request: pb.GetPersonRequest, context: Any) -> pb.GetPersonResponse:
        person, who = self._people.get(request.id), caller()
        return pb.GetPersonResponse(person=_person(person, may_see_addresses(who.id, who.roles, person)))

    def ListTeams(self, request: pb.ListTeamsRequest, context: Any) -> pb.ListTeamsResponse:
        loaded = self._profiles.get(request.profile)
        return pb.ListTeamsResponse(teams=[_team(loaded, team) for team in loaded.profile.organisation.teams])

    def WhoIsOnDuty(self, request: pb.WhoIsOnDutyRequest, context: Any) -> pb.WhoIsOnDutyResponse:
        at = request.at.ToDatetime(UTC) if request.HasField("at") else self._clock.now()
        roster = self._roster_at(self._profiles.get(request.profile), at)
        people = roster.on_duty(at, request.role or None, request.team or None)
        return pb.WhoIsOnDutyResponse(people=[_person(each) for each in people], in_hours=roster.in_hours(at))

    def GetProfile(self, request: pb.GetProfileRequest, context: Any) -> pb.GetProfileResponse:
        name, version, effective, text = read_profile(self._profiles, self._kept, request.name, request.version)
        return pb.GetProfileResponse(name=name, version=version, json=text, effective_from=_day(effective))

    def ListProfiles(self, request: pb.ListProfilesRequest, context: Any) -> pb.ListProfilesResponse:
        return pb.ListProfilesResponse(
            profiles=[
                pb.GetProfileResponse(
                    name=each.name,
                    version=each.version,
                    effective_from=_day(each.profile.profile.document.effective_from),
                )
                for each in self._profiles
            ]
        )


def _principal(person: Person) -> Principal:
    return Principal(person.id, person.name, frozenset(person.roles), frozenset(person.teams), person.unit)


def _person(person: Person, with_addresses: bool = False) -> pb.Person:
    return pb.Person(
        id=person.id,
        name=person.name,
        roles=person.roles,
        teams=person.teams,
        unit=person.unit,
        skills=person.skills,
        language=person.language,
        addresses={way: address for way, address in person.addresses.items() if with_addresses},
    )


def _team(loaded: LoadedProfile, team: Team) -> pb.Team:
    members = [person.id for person in loaded.lookups.members(team.id)]
    return pb.Team(id=team.id, name_zh=team.name.zh, name_en=team.name.en, members=members, lead=team.lead or "")


def _day(day: Any) -> Timestamp:
    return stamp(datetime.combine(day, time(), UTC))
