"""The same tests on the store in memory and on the one in the real database."""

from __future__ import annotations

from collections.abc import Iterator

import mongoengine
import pytest

from services.runtime import mongo
from services.runtime.settings import Settings
from services.watch.storage import DOCUMENTS, MongoEntries
from tests.watch.world import FakeEntries, World


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def entries(request: pytest.FixtureRequest) -> Iterator[FakeEntries | MongoEntries]:
    if request.param == "fake":
        yield FakeEntries()
        return
    place = request.getfixturevalue("mongodb_uri")
    settings = Settings.model_validate({"MONGODB_URI": place.uri, "database_prefix": place.prefix})
    database = mongo.connect("watch", settings)
    mongo.ensure_indexes(*DOCUMENTS)
    yield MongoEntries(database)
    mongoengine.disconnect("watch")


@pytest.fixture
def world(entries: FakeEntries | MongoEntries) -> World:
    """A desk on either store."""
    return World(entries)
