"""Stores for the suites: every test that asks for `stores` runs on the fake and on the real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from services.intake.storage import ContactDocument, MongoContacts, MongoCounters, MongoReceipts, ReceiptDocument
from services.runtime.mongo import connect, ensure_indexes
from services.runtime.settings import Settings
from tests.intake.processes import Ear, Site
from tests.intake.world import FakeContacts, FakeCounters, FakeReceipts, Stores


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    if request.param == "fake":
        yield Stores(FakeReceipts(), FakeCounters(), FakeContacts())
        return
    yield from real_stores(request.getfixturevalue("mongodb_uri"))


@pytest.fixture
def real(mongodb_uri) -> Iterator[Stores]:
    yield from real_stores(mongodb_uri)


def real_stores(place) -> Iterator[Stores]:
    import mongoengine

    settings = Settings(MONGODB_URI=place.uri, database_prefix=place.prefix)
    mongoengine.disconnect("intake")
    database = connect("intake", settings)
    ensure_indexes(ReceiptDocument, ContactDocument)
    yield Stores(MongoReceipts(database), MongoCounters(database), MongoContacts(database))
    mongoengine.disconnect("intake")


@pytest.fixture
def site(tmp_path: Path, amqp_uri: str, mongodb_uri) -> Iterator[Site]:
    made = Site(tmp_path, amqp_uri, mongodb_uri.uri, mongodb_uri.prefix)
    yield made
    made.end()


@pytest.fixture
def ear(amqp_uri: str) -> Iterator[Ear]:
    made = Ear(amqp_uri, "request.received.#", "request.joined.#", "request.refused.#", "contact.recorded")
    yield made
    made.close()
