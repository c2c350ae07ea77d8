"""What the processes of service levels are made of; imports are lazy per role (architecture decision 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.runtime.bus import Worker
    from services.runtime.rpc import Service
    from services.sla.engine import Engine
    from services.sla.rulebook import Rulebook


def rulebook(settings: Settings) -> Rulebook:
    """The rules of the served profiles."""
    from services.profile.load import load_all
    from services.sla.rulebook import Rulebook

    return Rulebook(load_all(settings.policy_dir, settings.profile_names, settings.default_profile))


def engine(settings: Settings) -> Engine:
    """What hears tickets and fires timers, with its own name among the replicas."""
    import time
    from uuid import uuid4

    from services.runtime.clock import clock_from
    from services.runtime.mongo import connect
    from services.runtime.steady import steady
    from services.sla.engine import Engine
    from services.sla.leases import Leases
    from services.sla.storage import MongoClocks

    database = connect("sla", settings)
    store = MongoClocks(database)
    store.ensure_indexes()
    # The indexes waited for the database, so it is there to say what time it is.
    present = steady(database)
    leases = Leases(database, uuid4().hex, present.now, time.monotonic)
    return Engine(store, rulebook(settings), leases, clock_from(settings, present), time.monotonic, present.check)


def worker(settings: Settings) -> Worker:
    """The worker that hears tickets and fires timers."""
    from services.runtime.bus import Worker
    from services.sla.worker import SlaWorker

    return Worker(SlaWorker.name, SlaWorker, lambda: engine(settings))


def server(settings: Settings) -> Service:
    """The gRPC service of clocks."""
    from services.contracts.deskstream.v1.sla_pb2_grpc import add_SlaServiceServicer_to_server
    from services.runtime.clock import clock_from
    from services.runtime.mongo import connect
    from services.runtime.publisher import Publisher
    from services.runtime.rpc import Service
    from services.sla.server import ALLOW, NAME, Servicer
    from services.sla.storage import MongoClocks

    clock = clock_from(settings)
    store = MongoClocks(connect("sla", settings))
    publisher = Publisher(settings.amqp_uri, source="deskstream/sla", clock=clock)
    servicer = Servicer(store, rulebook(settings), clock, publisher.publish)
    return Service(add_SlaServiceServicer_to_server, servicer, NAME, ALLOW, publisher.close)
