"""One suite on the stores in memory and on the real database."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import mongoengine
import pytest

from services.directory.handlers import Credentials, KeptProfiles
from services.directory.roster_storage import ROSTER_DOCUMENTS, MongoRosters
from services.directory.storage import DOCUMENTS, MongoCredentials, MongoProfiles
from services.runtime.mongo import connect, ensure_indexes
from services.runtime.settings import Settings
from tests.directory.fakes import FakeCredentials, FakeProfiles
from tests.directory.roster_world import FakeRosters, World


class Stores(NamedTuple):
    credentials: Credentials
    profiles: KeptProfiles


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.real)])
def stores(request: pytest.FixtureRequest) -> Iterator[Stores]:
    """Empty stores of both kinds."""
    if request.param == "memory":
        yield Stores(FakeCredentials(), FakeProfiles())
        return
    place = request.getfixturevalue("mongodb_uri")
    settings = Settings.model_validate({"MONGODB_URI": place.uri, "database_prefix": place.prefix})
    database = connect("directory", settings)
    ensure_indexes(*DOCUMENTS)
    yield Stores(MongoCredentials(database), MongoProfiles(database))
    mongoengine.disconnect("directory")


@pytest.fixture(params=["memory", pytest.param("mongo", marks=pytest.mark.real)])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    """A desk with rosters on stores of both kinds."""
    if request.param == "memory":
        yield World(FakeRosters())
        return
    place = request.getfixturevalue("mongodb_uri")
    settings = Settings.model_validate({"MONGODB_URI": place.uri, "database_prefix": place.prefix})
    database = connect("directory", settings)
    ensure_indexes(*ROSTER_DOCUMENTS)
    yield World(MongoRosters(database))  # type: ignore[arg-type]  # both keep the same promises.
    mongoengine.disconnect("directory")
