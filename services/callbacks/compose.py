"""Wiring of callbacks. Imports of a role stay inside its function: a worker never loads gRPC, a server never nameko."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from services.callbacks.commands import Desk
from services.callbacks.handlers import Hearing
from services.callbacks.model import Task, Word
from services.callbacks.relaying import Kept, Turning
from services.callbacks.storage import DOCUMENTS, MongoTasks, as_said
from services.kernel.errors import Unavailable
from services.profile.load import Profiles, load_all
from services.profile.schema import Profile
from services.runtime import mongo, telemetry
from services.runtime.clock import clock_from
from services.runtime.message import event_id
from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.runtime.bus import Worker
    from services.runtime.publisher import Publisher
    from services.runtime.rpc import Service

_log = telemetry.get_log("deskstream.callbacks")


def worker(settings: Settings) -> Worker:
    """The worker."""
    from services.callbacks.worker import Built, CallbacksWorker
    from services.runtime.bus import Worker

    profiles = profiles_of(settings)

    def build() -> Built:
        tasks, clock = _tasks(settings), clock_from(settings)
        hearing = hearing_of(tasks, profiles)
        return Built(hearing, Turning(hearing, tasks, clock), clock)

    return Worker(CallbacksWorker.name, CallbacksWorker, build)


def server(settings: Settings) -> Service:
    """The gRPC service."""
    from services.callbacks.server import service
    from services.runtime.identity import Verifier
    from services.runtime.publisher import Publisher

    profiles, clock, tasks = profiles_of(settings), clock_from(settings), _tasks(settings)
    publisher = Publisher(settings.amqp_uri, source="deskstream/callbacks", clock=clock)
    desk = Desk(tasks, rules_of(profiles), clock, event_id, Outspoken(tasks, publisher))
    return service(desk, rules_of(profiles), Verifier.from_file(settings.token_public_key), publisher.close)


class Outspoken:
    """commands.Saying: at once when the broker answers; else the relay says later what has been kept."""

    def __init__(self, tasks: Kept, publisher: Publisher, patience: float = 2.0) -> None:
        self._tasks = tasks
        self._publisher = publisher
        self._patience = patience

    def __call__(self, task: Task, words: Sequence[Word]) -> None:
        try:
            self._publisher.publish([as_said(word, task.number) for word in words], timeout=self._patience)
            self._tasks.mark_said(task.id, [word.id for word in words])
        except Unavailable as error:
            _log.warning("left_to_the_relay", task=task.id, why=error.message)


def profiles_of(settings: Settings) -> Profiles:
    """The profiles this installation serves."""
    return load_all(settings.policy_dir, settings.profile_names, settings.default_profile)


def rules_of(profiles: Profiles) -> _Rules:
    """handlers.Rules over loaded profiles."""
    return _Rules(profiles)


def hearing_of(tasks: Kept, profiles: Profiles) -> Hearing:
    """The stream's handlers over a store."""
    calendars = {loaded.name: loaded.calendars[loaded.profile.service_hours] for loaded in profiles}

    def due(profile: Profile, at: datetime) -> datetime:
        assert profile.callback is not None  # noqa: S101 - a task is opened only where there are rules
        span = profile.callback.due
        if span.working_days:
            return calendars[profile.profile.name].add_working_days(at, span.working_days)
        return at + timedelta(seconds=span.seconds)

    every = [loaded.profile for loaded in profiles]
    return Hearing(tasks, rules_of(profiles), every, due, event_id)


class _Rules:
    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def __call__(self, name: str) -> Profile:
        return self._profiles.get(name).profile


def _tasks(settings: Settings) -> MongoTasks:
    database = mongo.connect("callbacks", settings)
    mongo.ensure_indexes(*DOCUMENTS)
    return MongoTasks(database)
