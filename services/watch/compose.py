"""Wiring of the watch. Imports of a role stay inside its function: a worker never loads gRPC, a server never nameko."""

from __future__ import annotations

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from services.kernel.errors import Unavailable
from services.profile.load import Profiles, load_all
from services.profile.watch import WatchRules
from services.runtime import mongo, telemetry
from services.runtime.clock import clock_from
from services.runtime.message import event_id
from services.runtime.settings import Settings
from services.watch.handlers import Hearing
from services.watch.model import Entry
from services.watch.storage import DOCUMENTS, MongoEntries, as_said
from services.watch.turning import Kept, Turning, Watched

if TYPE_CHECKING:
    from services.runtime.bus import Worker
    from services.runtime.publisher import Publisher
    from services.runtime.rpc import Service

_log = telemetry.get_log("deskstream.watch")


def worker(settings: Settings) -> Worker:
    """The worker."""
    from services.runtime.bus import Worker
    from services.watch.worker import Built, WatchWorker

    profiles = profiles_of(settings)

    def build() -> Built:
        entries, clock = _entries(settings), clock_from(settings)
        hearing = Hearing(entries, RulesOf(profiles), event_id)
        return Built(hearing, Turning(entries, watched(profiles), event_id, clock), clock)

    return Worker(WatchWorker.name, WatchWorker, build)


def server(settings: Settings) -> Service:
    """The gRPC service."""
    from services.runtime.publisher import Publisher
    from services.watch.commands import Desk
    from services.watch.server import service

    profiles, clock, entries = profiles_of(settings), clock_from(settings), _entries(settings)
    publisher = Publisher(settings.amqp_uri, source="deskstream/watch", clock=clock)
    rules = RulesOf(profiles)
    desk = Desk(entries, rules, clock, event_id, Outspoken(entries, publisher))
    return service(desk, rules.zone, clock, publisher.close)


class Outspoken:
    """commands.Saying: at once when the broker answers; else the relay says later what has been kept."""

    def __init__(self, entries: Kept, publisher: Publisher, patience: float = 2.0) -> None:
        self._entries = entries
        self._publisher = publisher
        self._patience = patience

    def __call__(self, entry: Entry) -> None:
        words = [word for word in entry.words if word.id in entry.unsaid]
        if not words:
            return
        try:
            self._publisher.publish([as_said(word) for word in words], timeout=self._patience)
            self._entries.mark_said(entry.id, [word.id for word in words])
        except Unavailable as error:
            _log.warning("left_to_the_relay", entry=entry.id, why=error.message)


class RulesOf:
    """handlers.Rules over loaded profiles."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def __call__(self, name: str) -> WatchRules | None:
        return self._profiles.get(name).profile.watch

    def name(self, name: str) -> str:
        """The profile's name; the default one's for an empty name. Raises Missing for an unknown one."""
        return self._profiles.get(name).name

    def zone(self, name: str) -> ZoneInfo:
        """The desk's own zone."""
        return ZoneInfo(self._profiles.get(name).profile.profile.timezone)


def profiles_of(settings: Settings) -> Profiles:
    """The profiles this installation serves."""
    return load_all(settings.policy_dir, settings.profile_names, settings.default_profile)


def watched(profiles: Profiles) -> tuple[Watched, ...]:
    """The profiles that keep a watch."""
    return tuple(
        Watched(loaded.name, ZoneInfo(loaded.profile.profile.timezone), loaded.profile.watch)
        for loaded in profiles
        if loaded.profile.watch is not None
    )


def _entries(settings: Settings) -> MongoEntries:
    database = mongo.connect("watch", settings)
    mongo.ensure_indexes(*DOCUMENTS)
    return MongoEntries(database)
