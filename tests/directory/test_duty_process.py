"""From a filed roster to the processes that ask who is on duty, over the real broker and database."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import mongoengine
import pytest

from deploy.local.children import Child, kill, spawn
from services.contracts.deskstream.v1 import roster_pb2
from services.directory.roster_storage import MongoRosters
from services.kernel.clock import SystemClock
from services.runtime.duty_feed import COLLECTION
from services.runtime.identity import make_keys
from services.runtime.mongo import connect
from services.runtime.settings import Settings
from tests.directory.roster_world import World
from tests.profile.folders import POLICY
from tests.waiting import wait_for

pytestmark = pytest.mark.real


def test_a_filed_roster_reaches_dispatch_and_notifications_through_the_stream(
    amqp_uri: str, mongodb_uri: Any, tmp_path: Path
) -> None:
    """M28."""
    make_keys(tmp_path)
    environment = {
        **os.environ,
        "AMQP_URI": amqp_uri,
        "MONGODB_URI": mongodb_uri.uri,
        "DESKSTREAM_DATABASE_PREFIX": mongodb_uri.prefix,
        "DESKSTREAM_POLICY_DIR": str(POLICY),
        "DESKSTREAM_PROFILES": "itss_desk",
        "DESKSTREAM_TOKEN_PRIVATE_KEY": str(tmp_path / "token.jwk"),
        "DESKSTREAM_TOKEN_PUBLIC_KEY": str(tmp_path / "token.pub.jwk"),
    }
    settings = Settings.model_validate({"MONGODB_URI": mongodb_uri.uri, "database_prefix": mongodb_uri.prefix})
    hearers = ("dispatch", "notifications")
    children: list[Child] = []
    try:
        for service in ("directory", *hearers):
            log = tmp_path / f"{service}.log"
            command = [sys.executable, "-W", "ignore", "-m", f"services.{service}", "worker"]
            children.append(spawn(command, log=log, env=environment))
        for service in ("directory", *hearers):
            log = tmp_path / f"{service}.log"
            wait_for(partial(is_ready, log), 60, f"{log.stem} to be ready")
        world = World(MongoRosters(connect("directory", settings)), SystemClock().now())  # type: ignore[arg-type]
        world.filed(f"{world.now:%Y-%m}" if world.now.day < 28 else next_month(world))
        told = world.store.duty("itss_desk")
        assert told is not None

        def followed(service: str) -> bool:
            row = connect(service, settings)[COLLECTION].find_one({"_id": "itss_desk"})
            return row is not None and roster_pb2.DutyTable.FromString(row["table"]).version >= told.version

        for service in hearers:
            wait_for(partial(followed, service), 30, f"{service} to follow the roster")
    finally:
        for child in children:
            kill(child)
        for service in ("directory", *hearers):
            mongoengine.disconnect(service)


def next_month(world: World) -> str:
    return f"{world.now.year + world.now.month // 12}-{world.now.month % 12 + 1:02}"


def is_ready(log: Path) -> bool:
    return "ready" in log.read_text()
