"""A private RabbitMQ node: own folder, ports, cookie, user and epmd, loopback only; no system-wide one is touched."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pika
from pika.exceptions import AMQPError

from deploy.local.bootstrap import rabbitmq_scripts
from deploy.local.children import Child, Trouble, end, kill, last_lines, settle, spawn, wait_until
from deploy.local.ports import LOOPBACK, Ports, accepts

VHOST = "deskstream"
_VHOST_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_NO_BROKER = (
    "RabbitMQ is not installed: run `sudo apt-get install rabbitmq-server` (3.10 or newer), "
    "or set AMQP_URI to a broker you have."
)


class Broker:
    """One private node under `folder`. Its data, ports and credentials survive `stop` and `start`."""

    def __init__(self, folder: Path, *, ports: Ports | None = None) -> None:
        self.folder = folder.resolve()
        # Unique for the folder, so that a left-over process can be told from anybody else's.
        self._mark = "deskstream-" + hashlib.sha256(str(self.folder).encode()).hexdigest()[:12]
        self.node = f"{self._mark}@localhost"
        self._ports = ports or Ports(self.folder)
        self._port = self._dist_port = self._epmd_port = 0
        self._server: Child | None = None
        self._epmd: Child | None = None

    @property
    def log(self) -> Path:
        """What the node says."""
        return self.folder / "log" / "broker.log"

    @property
    def pids(self) -> list[int]:
        """The processes of this node that are running: server and epmd."""
        return [child.pid for child in (self._server, self._epmd) if child is not None and child.poll() is None]

    @property
    def uri(self) -> str:
        """AMQP address of the default virtual host, with user and password."""
        return self.uri_for(VHOST)

    def uri_for(self, vhost: str) -> str:
        """AMQP address of `vhost`, with user and password."""
        known = self._credentials()
        return f"amqp://{known['user']}:{known['password']}@{LOOPBACK}:{self._port}/{quote(vhost, safe='')}"

    def start(self) -> None:
        """Start the node without waiting for it. Raises `Trouble` when RabbitMQ is missing or a port is taken."""
        if self._server is not None and self._server.poll() is None:
            return
        scripts = rabbitmq_scripts()
        if scripts is None:
            raise Trouble(_NO_BROKER)
        self.stop()
        for name in ("server", "epmd"):
            settle(self.folder / f"{name}.pid", self._mark if name == "server" else "epmd")
        self._port = self._ports.get("broker")
        self._dist_port = self._ports.get("broker_distribution")
        self._epmd_port = self._ports.get("broker_epmd")
        env = self._prepare()
        # Our own epmd in the foreground: the one the Erlang machine starts by itself is a daemon that outlives it.
        epmd = [_epmd_program(), "-port", str(self._epmd_port), "-address", LOOPBACK]
        self._epmd = spawn(epmd, log=self.folder / "log" / "epmd.out", env=env)
        (self.folder / "epmd.pid").write_text(str(self._epmd.pid))
        if not wait_until(lambda: accepts(self._epmd_port), 10):
            self.kill()
            raise Trouble(f"epmd did not start; its log is {self.folder / 'log' / 'epmd.out'}.")
        # TERM: the node closes its tables in order even when it is our death that ends it.
        self._server = spawn(
            [str(scripts / "rabbitmq-server")], log=self.folder / "log" / "broker.out", env=env, dies_by=signal.SIGTERM
        )
        (self.folder / "server.pid").write_text(str(self._server.pid))

    def wait_ready(self, timeout: float = 60.0) -> None:
        """Return once a client could log in. Raises `Trouble` with the last lines of the log otherwise."""
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._server is None or self._server.poll() is not None:
                lines = last_lines(self.log if self.log.exists() else self.folder / "log" / "broker.out")
                raise Trouble(f"RabbitMQ ended while starting; its log {self.log} says:\n{lines}")
            if time.monotonic() > deadline:
                raise Trouble(f"RabbitMQ was not ready after {timeout:.0f} s; its log is {self.log}.")
            time.sleep(0.05)

    def stop(self) -> None:
        """End the node in order and its epmd with it. Does nothing when it is not running."""
        server, epmd = self._server, self._epmd
        self._server = self._epmd = None
        if server is not None:
            end(server, grace=30)
        if epmd is not None:
            end(epmd, grace=5)

    def kill(self) -> None:
        """KILL the node, as a power cut would."""
        for child in (self._server, self._epmd):
            if child is not None:
                kill(child)
        self._server = self._epmd = None

    def restart(self, timeout: float = 60.0) -> None:
        """Stop, start, wait: same data, same ports."""
        self.stop()
        self.start()
        self.wait_ready(timeout)

    def add_vhosts(self, names: Sequence[str]) -> None:
        """Make virtual hosts our user may do everything in; one call for many, as most of its time is the call's."""
        user = f'<<"{self._credentials()["user"]}">>'
        calls = []
        for name in names:
            vhost = _binary(name)
            calls.append(f"rpc:call(N, rabbit_vhost, add, [{vhost}, {user}])")
            everything = ", ".join(['<<".*">>'] * 3)
            permission = f"[{user}, {vhost}, {everything}, {user}]"
            calls.append(f"rpc:call(N, rabbit_auth_backend_internal, set_permissions, {permission})")
        self._control(calls)

    def add_vhost(self, name: str) -> str:
        """Make one virtual host; returns its address."""
        self.add_vhosts([name])
        return self.uri_for(name)

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host with everything in it."""
        self._control([f'rpc:call(N, rabbit_vhost, delete, [{_binary(name)}, <<"deskstream">>])'])

    def _control(self, calls: Sequence[str]) -> None:
        """Run Erlang calls inside the node. A bare `erl` starts in a quarter of a second, rabbitmqctl in two."""
        code = f"N = '{self.node}', io:format(\"~0p\", [[{', '.join(calls)}]]), halt(0)."
        argv = ["erl", "-noshell", "-hidden", "-start_epmd", "false", "-sname", f"ctl-{secrets.token_hex(4)}@localhost"]
        argv += ["-kernel", "inet_dist_use_interface", "{127,0,0,1}", "-eval", code]
        answer = subprocess.run(
            argv, env=self._env(), capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL, check=False
        )
        if answer.returncode or not re.fullmatch(r"\[(ok,?)*\]", answer.stdout):
            raise Trouble(f"The broker refused a change of its virtual hosts: {answer.stdout}{answer.stderr}".strip())

    def _answers(self) -> bool:
        if not accepts(self._port):
            return False
        parameters = pika.URLParameters(f"{self.uri}?socket_timeout=5&blocked_connection_timeout=5")
        try:
            pika.BlockingConnection(parameters).close()
        except (AMQPError, OSError):
            return False
        return True

    def _credentials(self) -> dict[str, str]:
        path = self.folder / "credentials.json"
        if not path.exists():
            made = {name: secrets.token_urlsafe(24) for name in ("password", "cookie")}
            _private(path, json.dumps({"user": "deskstream", **made}))
        known: dict[str, str] = json.loads(path.read_text("utf-8"))
        return known

    def _env(self) -> dict[str, str]:
        """Nothing of the caller's: RABBITMQ_* or ERL_* set for a system-wide node would reach into this one."""
        kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "TZ") if name in os.environ}
        return {**kept, "HOME": str(self.folder / "home"), "LANG": "C.UTF-8", "ERL_EPMD_PORT": str(self._epmd_port)}

    def _prepare(self) -> dict[str, str]:
        """Write the node's files; returns the environment it runs in."""
        for name in ("home", "log", "data", "conf.d"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o700)
        known = self._credentials()
        _private(self.folder / "home" / ".erlang.cookie", known["cookie"], 0o400)
        _private(self.folder / "rabbitmq.conf", _CONFIG.format(port=self._port, vhost=VHOST, **known))
        (self.folder / "enabled_plugins").write_text("[].\n")
        (self.folder / "rabbitmq-env.conf").write_text("")
        return {
            **self._env(),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_BASE": str(self.folder),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_LOGS": str(self.log),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            # The next three would be read from /etc/rabbitmq otherwise.
            "RABBITMQ_CONFIG_FILES": str(self.folder / "conf.d"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(self.folder / "advanced.config"),
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "rabbitmq-env.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(self.folder / "rabbitmq.pid"),
            "RABBITMQ_DIST_PORT": str(self._dist_port),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} -start_epmd false -deskstream " + self._mark
            ),
            # The script then becomes the Erlang machine instead of watching over it, so our TERM reaches it itself.
            "RUNNING_UNDER_SYSTEMD": "true",
            "ERL_CRASH_DUMP": str(self.folder / "log" / "crash.dump"),
        }


_CONFIG = """\
listeners.tcp.local = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
default_vhost = {vhost}
log.file.level = info
# Room for bursts, but a laptop's share: above it publishers are held back instead of the machine swapping.
vm_memory_high_watermark.absolute = 1536MB
disk_free_limit.absolute = 100MB
# The default log of quorum queues is held in memory up to 512 MB.
raft.wal_max_size_bytes = 67108864
"""


def _private(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a file nobody else may read, not even for a moment."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(text)


def _binary(name: str) -> str:
    if not _VHOST_NAME.fullmatch(name):
        raise ValueError(f"A virtual host's name is letters, digits, '_', '.', '-': {name!r}")
    return f'<<"{name}">>'


def _epmd_program() -> str:
    found = shutil.which("epmd")
    if found:
        return found
    erl = shutil.which("erl")
    # Some packages leave epmd beside the Erlang machine only.
    for path in sorted(Path(erl).resolve().parents[1].glob("**/erts-*/bin/epmd")) if erl else []:
        return str(path)
    raise Trouble("Erlang's epmd is missing: run `sudo apt-get install erlang-base`, or set AMQP_URI.")
