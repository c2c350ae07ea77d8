"""Composition root of the directory: settings to wired parts.

Imports are lazy: a server is never patched, a worker never speaks gRPC (architecture decision 1).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.runtime.bus import Worker
    from services.runtime.rpc import Service


def worker(settings: Settings) -> Worker:
    """The nameko worker."""
    from services.directory.announcing import Announcer
    from services.directory.storage import DOCUMENTS, MongoProfiles
    from services.directory.worker import DirectoryWorker
    from services.profile.load import load_all
    from services.runtime.bus import Worker
    from services.runtime.clock import clock_from
    from services.runtime.mongo import connect, ensure_indexes

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)

    def build() -> Announcer:
        database = connect("directory", settings)
        ensure_indexes(*DOCUMENTS)
        return Announcer(profiles, MongoProfiles(database), clock_from(settings))

    return Worker("directory", DirectoryWorker, build)


def server(settings: Settings) -> Service:
    """The gRPC service."""
    from services.contracts.deskstream.v1 import directory_pb2_grpc
    from services.directory.handlers import People, SignIn
    from services.directory.passwords import is_right
    from services.directory.server import ALLOW, NAME, DirectoryServicer
    from services.directory.storage import MongoCredentials, MongoProfiles
    from services.kernel.clock import SystemClock
    from services.profile.load import load_all
    from services.runtime.clock import clock_from
    from services.runtime.identity import Signer
    from services.runtime.mongo import connect
    from services.runtime.rpc import Service

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)
    database = connect("directory", settings)
    people = People(profiles)
    servicer = DirectoryServicer(
        profiles,
        people,
        SignIn(people, MongoCredentials(database), is_right),
        MongoProfiles(database),
        Signer.from_file(settings.token_private_key),
        clock_from(settings),
        SystemClock(),
    )
    return Service(directory_pb2_grpc.add_DirectoryServiceServicer_to_server, servicer, NAME, ALLOW)


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
