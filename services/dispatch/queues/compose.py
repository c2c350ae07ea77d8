"""What search, views, counts, onlookers and answers of tools are made of; imports are lazy per role (decision 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.dispatch.handlers import Desks, Tickets
    from services.dispatch.queries import Queries
    from services.dispatch.queues.views import Views
    from services.dispatch.search.indexing import Indexer
    from services.dispatch.search.storage import MongoFinds
    from services.dispatch.work.answers import Answers
    from services.kernel.clock import Clock
    from services.runtime.rpc import Service


def finds(settings: Settings) -> MongoFinds:
    """Rows of search in the service's own database, with their index."""
    from services.dispatch.search.storage import MongoFinds
    from services.runtime.mongo import connect

    made = MongoFinds(connect("dispatch", settings))
    made.prepare()
    return made


def indexer(settings: Settings) -> Indexer:
    """Brings the rows of search up to the tickets; in every worker, one at a time."""
    from services.dispatch.search.indexing import Indexer

    return Indexer(finds(settings))


def answers(settings: Settings, desks: Desks, tickets: Tickets) -> Answers:
    """What hears the answers of teams' tools. The key is read with the first of them: most desks have no such tool."""
    from services.dispatch import model
    from services.dispatch.work.answers import Answers
    from services.kernel.errors import Unavailable
    from services.runtime.identity import Verifier

    verifiers: list[Verifier] = []

    def verify(token: str) -> model.Caller:
        if not verifiers:
            try:
                verifiers.append(Verifier.from_file(settings.token_public_key))
            except SystemExit as missing:
                raise Unavailable(f"Tokens cannot be checked: {missing}") from missing
        principal = verifiers[0].verify(token)
        return model.Caller(principal.id, principal.roles, principal.teams)

    return Answers(desks, tickets, verify)


def views_of(settings: Settings, desks: Desks) -> Views:
    """Saved views in the service's own database, with the indexes of what queues need."""
    from services.dispatch.queues.storage import MongoViews
    from services.dispatch.queues.views import Views
    from services.runtime.mongo import connect

    kept = MongoViews(connect("dispatch", settings))
    kept.prepare()
    return Views(kept, desks)


def queue_service(settings: Settings, desks: Desks, queries: Queries, views: Views, clock: Clock) -> Service:
    """QueueService, beside DispatchService."""
    from services.dispatch.queues.counting import Counting
    from services.dispatch.queues.presence import Presence
    from services.dispatch.queues.server import ALLOW, NAME, QueueServicer, add
    from services.dispatch.queues.storage import MongoOnlookers, MongoPositions
    from services.runtime.mongo import connect
    from services.runtime.rpc import Service

    database = connect("dispatch", settings)
    servicer = QueueServicer(
        finds(settings),
        views,
        Counting(MongoPositions(database), desks),
        Presence(MongoOnlookers(database)),
        queries,
        desks,
        clock,
    )
    return Service(add, servicer, NAME, ALLOW)
