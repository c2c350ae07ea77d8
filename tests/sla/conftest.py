"""The stores every suite runs on."""

from __future__ import annotations

import mongoengine
import pytest

from services.runtime.mongo import connect
from services.runtime.settings import Settings
from services.sla.storage import MongoClocks
from tests.sla.world import Shelf


@pytest.fixture
def open_database():
    """Opens the service's database at a place; its mongoengine alias is free again after the test."""
    yield lambda place: connect(
        "sla", Settings.model_validate({"MONGODB_URI": place.uri, "database_prefix": place.prefix})
    )
    mongoengine.disconnect("sla")


@pytest.fixture(params=["fake", pytest.param("real", marks=pytest.mark.real)])
def store(request):
    """The same suite on the shelf in memory and on the real database server."""
    if request.param == "fake":
        return Shelf()
    place = request.getfixturevalue("mongodb_uri")
    clocks = MongoClocks(request.getfixturevalue("open_database")(place))
    clocks.ensure_indexes()
    return clocks
