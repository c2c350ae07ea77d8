"""The store in memory and the real one: one suite for both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mongoengine
import pytest

from services.reporting.storage import MongoReports
from services.runtime.mongo import connect
from services.runtime.settings import Settings
from tests.conftest import MongoPlace
from tests.reporting.world import MemoryReports


@pytest.fixture
def real_store(mongodb_uri: MongoPlace) -> Iterator[MongoReports]:
    """Facts in the private database."""
    mongoengine.disconnect("reporting")
    settings = Settings.model_validate({"MONGODB_URI": mongodb_uri.uri, "database_prefix": mongodb_uri.prefix})
    reports = MongoReports(connect("reporting", settings))
    reports.ensure_indexes()
    yield reports
    mongoengine.disconnect("reporting")


@pytest.fixture(params=["memory", pytest.param("real", marks=pytest.mark.real)])
def store(request: pytest.FixtureRequest) -> Any:
    """Either store; a test that passes with one passes with the other."""
    return MemoryReports() if request.param == "memory" else request.getfixturevalue("real_store")
