"""What the processes of dispatch are made of; imports are lazy per role (architecture decision 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.dispatch.assignment.engine import Assigning
    from services.dispatch.handlers import Desks
    from services.dispatch.storage import MongoTickets
    from services.runtime.bus import Worker
    from services.runtime.duty_feed import DutyFeed
    from services.runtime.message import Said
    from services.runtime.rpc import Service


def desks_of(settings: Settings) -> Desks:
    """The rule books, loaded and prepared once."""
    from services.dispatch.handlers import Desks
    from services.dispatch.policy import Desk
    from services.profile.load import load_all

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)
    desks = {loaded.name: Desk(loaded.profile, loaded.version, loaded.roster) for loaded in profiles}
    return Desks(desks, settings.default_profile)


def store(settings: Settings) -> MongoTickets:
    """Tickets in the service's own database, with their indexes."""
    from services.dispatch.queues.fences import Fences
    from services.dispatch.storage import MongoTickets
    from services.runtime.mongo import connect

    tickets = MongoTickets(connect("dispatch", settings), Fences())
    tickets.prepare()
    return tickets


def duty_of(settings: Settings, desks: Desks) -> DutyFeed:
    """Filed duty as the desks follow it, kept in the service's own database."""
    from services.runtime.duty_feed import COLLECTION, DutyFeed
    from services.runtime.mongo import connect

    return DutyFeed(connect("dispatch", settings)[COLLECTION], {desk.name: desk.roster for desk in desks.all()})


def assigning_of(settings: Settings, desks: Desks, tickets: MongoTickets) -> Assigning:
    """What gives out the work of the teams that push; each process under a name of its own."""
    import time
    from uuid import uuid4

    from services.dispatch.assignment.engine import Assigning, names_of
    from services.dispatch.assignment.storage import MongoAssignments
    from services.dispatch.assignment.turns import MongoLeases
    from services.kernel.clock import SystemClock
    from services.runtime.mongo import connect

    database, me = connect("dispatch", settings), uuid4().hex
    leases = MongoLeases(database, me, names_of(desks), SystemClock().now, time.monotonic)
    return Assigning(desks, MongoAssignments(database, tickets), leases, me, time.monotonic)


def worker(settings: Settings) -> Worker:
    """The worker that opens tickets, applies callbacks, gives out work and relays what is unsaid."""
    from services.dispatch.asked import Asked
    from services.dispatch.commands import Relay
    from services.dispatch.handlers import Stream
    from services.dispatch.linking import Linking
    from services.dispatch.queues.compose import answers, indexer
    from services.dispatch.work.queues import declare_work_queues
    from services.dispatch.worker import DispatchWorker, Hands
    from services.runtime.bus import Worker
    from services.runtime.clock import clock_from

    desks = desks_of(settings)

    def build() -> Hands:
        tickets = store(settings)
        declare_work_queues(settings.amqp_uri, desks)
        duty = duty_of(settings, desks)
        assigning = assigning_of(settings, desks, tickets)
        return Hands(
            Stream(desks, tickets),
            Relay(tickets),
            Linking(desks, tickets),
            assigning,
            clock_from(settings),
            duty,
            indexer(settings),
            answers(settings, desks, tickets),
            Asked(desks, tickets),
        )

    return Worker(DispatchWorker.name, DispatchWorker, build)


def server(settings: Settings) -> Service:
    """The gRPC service of the desk."""
    from services.dispatch.bulk import Bulk
    from services.dispatch.bulk_server import bulk_service
    from services.dispatch.commands import Commands
    from services.dispatch.playbook.playbook import Playbooks
    from services.dispatch.playbook.server import playbook_service
    from services.dispatch.queries import Queries
    from services.dispatch.queues.compose import queue_service, views_of
    from services.dispatch.queues.listening import Listener
    from services.dispatch.queues.watching import Hub
    from services.dispatch.rehearsal.server import routing_service
    from services.dispatch.server import ALLOW, NAME, Servicer, add
    from services.runtime.clock import clock_from
    from services.runtime.publisher import Publisher
    from services.runtime.rpc import Service

    def say(said: Sequence[Said]) -> None:
        # Short: the change is safe by then, and the relay says what the broker does not take in time.
        publisher.publish(said, timeout=2.0)

    desks, tickets, hub, clock = desks_of(settings), store(settings), Hub(), clock_from(settings)
    publisher = Publisher(settings.amqp_uri, source="deskstream/dispatch", clock=clock)
    listener = Listener(settings.amqp_uri, hub)
    commands = Commands(desks, tickets, say)
    queries = Queries(desks, tickets)
    views = views_of(settings, desks)
    servicer = Servicer(commands, queries, tickets, views, hub, listener, clock)

    duty = duty_of(settings, desks).start()

    def close() -> None:
        duty.close()
        listener.close()
        publisher.close()

    beside = (
        queue_service(settings, desks, queries, views, clock),
        bulk_service(Bulk(desks, tickets, say), clock),
        routing_service(settings),
        playbook_service(Playbooks(desks, queries), clock),
    )
    return Service(add, servicer, NAME, ALLOW, close, beside)
