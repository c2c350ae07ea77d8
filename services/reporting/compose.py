"""What the processes of reporting are made of; imports are lazy per role (architecture decision 1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from services.runtime.settings import Settings

if TYPE_CHECKING:
    from services.reporting.storage import MongoReports
    from services.runtime.bus import Worker
    from services.runtime.rpc import Service


def store(settings: Settings) -> MongoReports:
    """The facts in the service's own database, with their indexes."""
    from services.reporting.storage import MongoReports
    from services.runtime.mongo import connect, patiently

    reports = MongoReports(connect("reporting", settings))
    patiently(reports.ensure_indexes)
    return reports


def worker(settings: Settings) -> Worker:
    """The worker that folds the stream into facts."""
    from services.reporting.handlers import Recorder
    from services.reporting.worker import ReportingWorker
    from services.runtime.bus import Worker

    return Worker(ReportingWorker.name, ReportingWorker, lambda: Recorder(store(settings)))


def server(settings: Settings) -> Service:
    """The gRPC service of report readers."""
    from services.profile.load import load_all
    from services.reporting.queries import Reader
    from services.reporting.server import ALLOW, NAME, Servicer, add
    from services.reporting.wire import channel_name
    from services.runtime.clock import clock_from
    from services.runtime.rpc import Service

    profiles = load_all(settings.policy_dir, settings.profile_names, settings.default_profile)
    reader = Reader(store(settings), profiles, channel_name)
    return Service(add, Servicer(reader, clock_from(settings)), NAME, ALLOW)
