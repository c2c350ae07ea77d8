"""What the processes of service levels are made of; imports are lazy per role (architecture decision 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from pymongo.database import Database

    from services.runtime.bus import Worker
    from services.runtime.mongo import Row
    from services.runtime.rpc import Service
    from services.sla.rulebook import Rulebook
    from services.sla.timers.engine import Engine


def rulebook(settings: Settings, database: Database[Row]) -> Rulebook:
    """The rules of the served profiles, and of the versions of them that were in force before."""
    from services.profile.load import load_all
    from services.runtime.clock import clock_from
    from services.sla.rulebook import Rulebook
    from services.sla.rulebooks import MongoBooks
    from services.sla.timers.coverage import tell_coverage

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)
    book = Rulebook(profiles, MongoBooks(database))
    book.keep()
    tell_coverage(profiles, clock_from(settings))
    return book


def engine(settings: Settings) -> Engine:
    """What hears tickets and fires timers, with its own name among the replicas."""
    import time
    from uuid import uuid4

    from services.runtime.clock import clock_from
    from services.runtime.mongo import connect
    from services.runtime.steady import steady
    from services.sla.storage import MongoClocks
    from services.sla.timers.engine import Engine
    from services.sla.timers.leases import Leases

    database = connect("sla", settings)
    store = MongoClocks(database)
    store.ensure_indexes()
    # The indexes waited for the database, so it is there to say what time it is.
    present = steady(database)
    leases = Leases(database, uuid4().hex, present.now, time.monotonic)
    return Engine(
        store, rulebook(settings, database), leases, clock_from(settings, present), time.monotonic, present.check
    )


def worker(settings: Settings) -> Worker:
    """The worker that hears tickets and fires timers."""
    from services.runtime.bus import Worker
    from services.sla.worker import SlaWorker

    return Worker(SlaWorker.name, SlaWorker, lambda: engine(settings))


def server(settings: Settings) -> Service:
    """The gRPC services of clocks, and the auditor of what the workers do."""
    import time

    from services.contracts.deskstream.v1.clocks_pb2_grpc import add_ClockServiceServicer_to_server
    from services.contracts.deskstream.v1.commitments_pb2_grpc import add_CommitmentServiceServicer_to_server
    from services.contracts.deskstream.v1.sla_pb2_grpc import add_SlaServiceServicer_to_server
    from services.runtime.clock import clock_from
    from services.runtime.mongo import connect
    from services.runtime.publisher import Publisher
    from services.runtime.rounds import Rounds
    from services.runtime.rpc import Service
    from services.runtime.steady import SteadyClock, server_time
    from services.sla.acts import clock_server, commitment_server
    from services.sla.acts.listing import MongoListing
    from services.sla.server import ALLOW, NAME, Servicer
    from services.sla.storage import MongoClocks
    from services.sla.timers.audit_row import Posts
    from services.sla.timers.auditor import EVERY, Auditor

    database = connect("sla", settings)
    # Set by the database in the auditor's first round: a server answers while the database is away.
    present = SteadyClock(server_time(database))
    clock = clock_from(settings, present)
    store, rules = MongoClocks(database), rulebook(settings, database)
    publisher = Publisher(settings.amqp_uri, source="deskstream/sla", clock=clock)
    clocks = clock_server.Servicer(store, MongoListing(database), rules, rules, clock, publisher.publish)
    servicer = Servicer(store, rules, clock, publisher.publish)
    promises = commitment_server.Servicer(store, rules, rules.roles_of, clock, publisher.publish)
    beside = (
        Service(add_ClockServiceServicer_to_server, clocks, clock_server.NAME, clock_server.ALLOW),
        Service(add_CommitmentServiceServicer_to_server, promises, commitment_server.NAME, commitment_server.ALLOW),
    )
    auditor = Auditor(
        store, Posts(database), rules, clock, present.now, time.monotonic, publisher.publish, present.check
    )
    rounds = Rounds("auditor", EVERY, auditor.round)
    rounds.start()

    def close() -> None:
        rounds.stop()
        publisher.close()

    return Service(add_SlaServiceServicer_to_server, servicer, NAME, ALLOW, close, beside)
