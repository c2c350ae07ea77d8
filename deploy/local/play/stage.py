"""The platform under one folder: private broker and database, the services' processes, sinks, a movable clock."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.local import probes
from deploy.local.broker import Broker
from deploy.local.database import Database
from deploy.local.parts import ROOT, environment, platform_parts
from deploy.local.play.sinks import HookSink, MailSink
from deploy.local.ports import Ports
from deploy.local.supervise import Part, PartServer, Server, Supervisor
from services.runtime.clock import LOOK_EVERY, JourneyClock, move
from services.runtime.identity import make_keys

PBX_SECRET = "the demo's exchange"  # noqa: S105  a made-up exchange on loopback
WEBHOOK_SECRET = "the demo's receivers"  # noqa: S105
DINGTALK = {"token": "demo-token", "aes_key": "x" * 42 + "A", "app_key": "ding-demo"}
SERVICES = ("intake", "dispatch", "sla", "callbacks", "notifications", "reporting", "directory", "watch")


class Stage:
    """`with Stage(folder) as stage:` brings everything up; leaving the block ends all of it.

    apart: every worker a process of its own, as in production; otherwise all workers share one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        apart: bool = False,
        edges: bool = True,
        movable: bool = True,
        settings: Mapping[str, str] | None = None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self.folder = folder
        self.ports = Ports(folder)
        for name in ("grpc", "gateway", "smtp"):
            # Any free ones: stages that start at the same time must not want the same.
            self.ports.get(name)
        self.broker = Broker(folder / "broker", ports=self.ports)
        self.database = Database(folder / "database", ports=self.ports)
        self.mail = MailSink(self.ports.get("mail_sink"))
        self.hooks = HookSink(self.ports.get("hook_sink"))
        self.keys = folder / "keys"
        self._clock_file = folder / "clock.json"
        self.clock = JourneyClock(self._clock_file)
        self._apart = apart
        self._edges = edges
        self._movable = movable
        self._settings = dict(settings or {})
        self._supervisor = Supervisor(folder / "log", say)
        self.env: dict[str, str] = {}
        self.workers: dict[str, PartServer] = {}

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _start(self) -> None:
        make_keys(self.keys)
        self.mail.start()
        self.hooks.start()
        self._supervisor.bring_up([("database", self.database), ("broker", self.broker)])
        self.env = {
            **environment(self.broker.uri, self.database.uri, self.folder, self.ports),
            "DESKSTREAM_MAIL_PORT": str(self.mail.port),
            "DESKSTREAM_PBX_SECRET": PBX_SECRET,
            "DESKSTREAM_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "DESKSTREAM_DINGTALK_TOKEN": DINGTALK["token"],
            "DESKSTREAM_DINGTALK_AES_KEY": DINGTALK["aes_key"],
            "DESKSTREAM_DINGTALK_OWNER": DINGTALK["app_key"],
            **({"DESKSTREAM_CLOCK_FILE": str(self._clock_file)} if self._movable else {}),
            **self._settings,
        }
        self._supervisor.bring_up(self._parts(), timeout=90)

    def _parts(self) -> Sequence[Part | tuple[str, PartServer]]:
        parts = {part.name: part for part in platform_parts(self.env, self.ports)}
        wanted = [parts["server"], *([parts["smtp"], parts["gateway"]] if self._edges else [])]
        workers = [self.worker_part(name) for name in SERVICES] if self._apart else [parts["worker"]]
        self.workers = {part.name: PartServer(part, self.folder / "log") for part in workers}
        return [*self.workers.items(), *wanted]

    def worker_part(self, service: str, replica: str = "") -> Part:
        """A worker process of one service; a replica gets a name of its own."""
        return Part(
            f"{service}{replica}",
            [sys.executable, "-m", f"services.{service}", "worker"],
            self.env,
            probes.line(f"ready {service} worker"),
            cwd=ROOT,
        )

    def bring_up(self, part: Part) -> PartServer:
        """Starts one more process, ended with the stage."""
        server = PartServer(part, self.folder / "log")
        self._supervisor.bring_up([(part.name, server)])
        return server

    def process(self, name: str) -> Server:
        """Any process of the stage by its name ("server", "smtp", "gateway", "sla"), to be killed and started."""
        return self._supervisor[name]

    def stop(self) -> None:
        """Ends everything that was started."""
        self._supervisor.stop()
        self.hooks.stop()
        self.mail.stop()

    def now(self) -> datetime:
        """The journey's present, aware UTC."""
        return self.clock.now()

    def move(self, forward: timedelta) -> None:
        """Moves the clock of every process of this stage forward."""
        move(self._clock_file, forward)
        # Every process looks again within LOOK_EVERY; what is said after this is said at the new time everywhere.
        time.sleep(2 * LOOK_EVERY)
        self.clock = JourneyClock(self._clock_file)

    def move_to(self, instant: datetime) -> None:
        """Moves the clock to an instant that is still to come."""
        self.move(instant - self.now())

    def setting(self, name: str) -> str:
        """A setting the processes run with."""
        return self.env.get(name, os.environ.get(name, ""))
