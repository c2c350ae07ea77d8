"""Composition root of the directory: settings to wired parts.

Imports are lazy: a server is never patched, a worker never speaks gRPC (architecture decision 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from services.directory.roster_storage import MongoRosters
    from services.kernel.clock import Clock
    from services.profile.load import Profiles
    from services.runtime.bus import Worker
    from services.runtime.duty_feed import DutyFeed
    from services.runtime.identity import Signer
    from services.runtime.rpc import Service


def worker(settings: Settings) -> Worker:
    """The nameko worker."""
    from services.directory.announcing import Announcer
    from services.directory.duty_board import DutyBoard
    from services.directory.roster_storage import ROSTER_DOCUMENTS, MongoRosters
    from services.directory.storage import DOCUMENTS, MongoProfiles
    from services.directory.worker import DirectoryWorker, Hands
    from services.profile.load import load_all
    from services.runtime.bus import Worker
    from services.runtime.clock import clock_from
    from services.runtime.mongo import connect, ensure_indexes

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)

    def build() -> Hands:
        database, clock = connect("directory", settings), clock_from(settings)
        ensure_indexes(*DOCUMENTS, *ROSTER_DOCUMENTS)
        rosters = MongoRosters(database)
        return Hands(Announcer(profiles, MongoProfiles(database), clock), DutyBoard(profiles, rosters, rosters), clock)

    return Worker("directory", DirectoryWorker, build)


def server(settings: Settings) -> Service:
    """The gRPC service."""
    from services.contracts.deskstream.v1 import directory_pb2_grpc
    from services.directory.duty_board import roster_at
    from services.directory.handlers import People, SignIn
    from services.directory.passwords import is_right
    from services.directory.roster_storage import MongoRosters
    from services.directory.server import ALLOW, NAME, DirectoryServicer
    from services.directory.storage import MongoCredentials, MongoProfiles
    from services.kernel.clock import SystemClock
    from services.profile.load import load_all
    from services.runtime.clock import clock_from
    from services.runtime.duty_feed import COLLECTION, DutyFeed
    from services.runtime.identity import Signer
    from services.runtime.mongo import connect
    from services.runtime.rpc import Service

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)
    database = connect("directory", settings)
    people = People(profiles)
    signer, clock, rosters = Signer.from_file(settings.token_private_key), clock_from(settings), MongoRosters(database)
    feed = DutyFeed(database[COLLECTION], {loaded.name: loaded.roster for loaded in profiles}).start()
    servicer = DirectoryServicer(
        profiles,
        people,
        SignIn(people, MongoCredentials(database), is_right),
        MongoProfiles(database),
        signer,
        clock,
        SystemClock(),
        lambda loaded, at: roster_at(loaded, rosters, at, clock.now()),
    )
    beside = _rosters(settings, profiles, rosters, feed, signer, clock)
    add = directory_pb2_grpc.add_DirectoryServiceServicer_to_server
    return Service(add, servicer, NAME, ALLOW, feed.close, (beside,))


def _rosters(
    settings: Settings, profiles: Profiles, store: MongoRosters, feed: DutyFeed, signer: Signer, clock: Clock
) -> Service:
    """RosterService, beside the directory's own."""
    from services.contracts.deskstream.v1 import roster_pb2_grpc
    from services.directory.duty_board import DutyBoard
    from services.directory.duty_records import DutyRecords
    from services.directory.feeds import Feeds
    from services.directory.roster_server import ALLOW, NAME, RosterServicer
    from services.directory.roster_storage import ROSTER_DOCUMENTS
    from services.directory.rosters import Rosters
    from services.directory.substitutes import Substitutes
    from services.kernel.errors import Unavailable
    from services.runtime.identity import Verifier
    from services.runtime.mongo import ensure_indexes
    from services.runtime.rpc import Service

    ensure_indexes(*ROSTER_DOCUMENTS)
    board = DutyBoard(profiles, store, store)

    def changed(now: datetime) -> None:
        try:
            board.write(now)
            feed.refresh()
        except Unavailable:
            # The change is kept; the worker's next tick finds and says it.
            return

    rosters = Rosters(profiles, store, changed)
    verifier = Verifier.from_file(settings.token_public_key)
    feeds = Feeds(rosters, store, store, signer, verifier)
    records, substitutes = DutyRecords(rosters, store, store), Substitutes(profiles, store)
    servicer = RosterServicer(rosters, records, store, feeds, clock, substitutes)
    return Service(roster_pb2_grpc.add_RosterServiceServicer_to_server, servicer, NAME, ALLOW)


def set_password(settings: Settings, person: str, password: str) -> None:
    """`deskstream person set-password`: stores the hash, never the password.

    Missing for an unknown person, Refused for a password too short or too long.
    """
    set_passwords(settings, {person: password})


def set_password_for_all(settings: Settings, password: str) -> int:
    """Gives everybody of the served profiles this password, for demos and laptops; how many people that were."""
    from services.profile.load import load_all

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)
    people = {person.id for loaded in profiles for person in loaded.profile.organisation.people}
    set_passwords(settings, dict.fromkeys(sorted(people), password))
    return len(people)


def set_passwords(settings: Settings, passwords: dict[str, str]) -> None:
    """The same for several people."""
    from services.directory import handlers
    from services.directory.passwords import hash_password
    from services.directory.storage import MongoCredentials
    from services.kernel.clock import SystemClock
    from services.profile.load import load_all
    from services.runtime.mongo import connect

    people = handlers.People(load_all(settings.policy_dir, settings.profile_names, settings.default_profile))
    credentials = MongoCredentials(connect("directory", settings))
    for person, password in passwords.items():
        handlers.set_password(people, credentials, person, hash_password(password), SystemClock().now())
