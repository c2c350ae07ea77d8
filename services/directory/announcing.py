"""Tells the stream which profile version is in force, until the broker has confirmed it."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from services.contracts.deskstream.v1 import common_pb2, directory_pb2
from services.directory.handlers import KeptProfiles, apply_profiles, mark_told
from services.directory.model import InForce
from services.kernel.clock import Clock
from services.profile.load import Profiles
from services.runtime.message import Said, event_id

KEY = "directory.profile_applied"
_ACTOR = "service:directory"


class Announcer:
    """Object of the worker. What one tick gave to say is confirmed when the next one comes, for ticks never overlap."""

    def __init__(self, profiles: Profiles, kept: KeptProfiles, clock: Clock) -> None:
        self._profiles = profiles
        self._kept = kept
        self._clock = clock
        self._said: Sequence[InForce] = ()

    def tick(self) -> list[Said]:
        """Applies the loaded profiles and says what is new."""
        said, self._said = self._said, ()
        mark_told(self._kept, said)
        self._said = apply_profiles(self._profiles, self._kept, self._clock.now())
        return [as_said(each) for each in self._said]


def as_said(applied: InForce) -> Said:
    """The same turn gives the same words with the same id, whoever says them and how often."""
    at = Timestamp()
    at.FromDatetime(applied.since)
    cause = f"{applied.name}@{applied.version}/{applied.turn}"
    body = directory_pb2.DirectoryEvent(
        event="profile_applied",
        profile=applied.name,
        version=applied.version,
        actor=common_pb2.Actor(id=_ACTOR, role="system"),
        at=at,
    )
    return Said(
        key=KEY,
        body=body,
        id=event_id(cause, KEY, applied.name),
        subject=applied.name,
        time=applied.since,
        cause=cause,
        actor=_ACTOR,
    )
