"""The same suite on the fake and on the real store."""

from __future__ import annotations

from pathlib import Path

import mongoengine
import pytest

from services.dispatch.handlers import Tickets
from services.dispatch.queues.fences import Fences
from services.dispatch.storage import MongoTickets
from services.runtime.mongo import connect
from services.runtime.settings import Settings
from tests.dispatch.world import POLICY, KeptTickets


@pytest.fixture
def real_tickets(mongodb_uri) -> MongoTickets:
    """A fresh database on the real server."""
    return mongo_tickets(mongodb_uri.uri, mongodb_uri.prefix)


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def tickets(request) -> Tickets:
    """Both stores, one after the other."""
    if request.param == "fake":
        return KeptTickets()
    store: Tickets = request.getfixturevalue("real_tickets")
    return store


def mongo_tickets(uri: str, prefix: str) -> MongoTickets:
    """The real store with its indexes."""
    # A process has one database; the tests of one session have one each.
    mongoengine.disconnect("dispatch")
    store = MongoTickets(connect("dispatch", settings(uri, prefix)), Fences())
    store.prepare()
    return store


def settings(uri: str, prefix: str, **more: object) -> Settings:
    """Settings of a process under test."""
    return Settings.model_validate({"MONGODB_URI": uri, "database_prefix": prefix, "policy_dir": Path(POLICY)} | more)
