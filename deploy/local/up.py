"""`make up`: the embedded stack and the platform in the foreground until Ctrl-C."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path

from deploy.local.broker import Broker
from deploy.local.children import Trouble
from deploy.local.database import Database
from deploy.local.given import look_at_broker, look_at_database
from deploy.local.parts import PREFERRED, addresses, environment, platform_parts
from deploy.local.ports import Ports
from deploy.local.run_folder import RUN, held
from deploy.local.supervise import Server, Supervisor


def infrastructure(supervisor: Supervisor, folder: Path, ports: Ports) -> tuple[str, str]:
    """Start broker and database under `folder`, or take AMQP_URI / MONGODB_URI. Returns both addresses."""
    embedded: list[tuple[str, Server]] = []
    amqp_uri, mongodb_uri = os.environ.get("AMQP_URI", ""), os.environ.get("MONGODB_URI", "")
    broker, database = Broker(folder / "broker", ports=ports), Database(folder / "database", ports=ports)
    if amqp_uri:
        look_at_broker(amqp_uri)
    else:
        embedded.append(("broker", broker))
    if mongodb_uri:
        look_at_database(mongodb_uri)
    else:
        # Before the broker: it is ready long before, and is so no longer waited for.
        embedded.insert(0, ("database", database))
    supervisor.bring_up(embedded)
    return amqp_uri or broker.uri, mongodb_uri or database.uri


def make_keys(folder: Path) -> None:
    """Keys of tokens and the adapters' own token, once; readable by nobody else."""
    try:
        from services.runtime import identity
    except ModuleNotFoundError as missing:
        raise Trouble(f"The platform is incomplete ({missing}): `make up ARGS=--infra-only` runs without it.") from None
    identity.make_keys(folder)


def let_people_in(env: Mapping[str, str]) -> Path:
    """Gives everybody of the made-up organisation one random password, once; the file that holds it."""
    file = RUN / "keys" / "password"
    if not file.exists():
        from services.directory.compose import set_password_for_all
        from services.runtime.settings import Settings

        os.environ.update(env)
        password = secrets.token_urlsafe(9)
        set_password_for_all(Settings(), password)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
            stream.write(password + "\n")
    return file


def main(arguments: list[str]) -> int:
    """Run until an interrupt. `--infra-only`: broker and database alone. Raises `Trouble` for what people must know."""
    infra_only = "--infra-only" in arguments
    began = time.monotonic()
    with held(RUN, "up"), Supervisor(RUN / "log") as supervisor:
        ports = Ports(RUN)
        print("Starting Deskstream (logs in .run/log, Ctrl-C ends everything):", flush=True)
        if not infra_only:
            # A taken port is said now, not after the broker has been waited for.
            for name, port in PREFERRED.items():
                ports.get(name, port)
        amqp_uri, mongodb_uri = infrastructure(supervisor, RUN, ports)
        shown = {"AMQP_URI": amqp_uri, "MONGODB_URI": mongodb_uri}
        if not infra_only:
            make_keys(RUN / "keys")
            env = environment(amqp_uri, mongodb_uri, RUN, ports)
            supervisor.bring_up(platform_parts(env, ports))
            password = let_people_in(env)
            shown = {**addresses(env), "sign in": f"sun.ning, li.wei ...; password in {password}", **shown}
        print(f"Ready in {time.monotonic() - began:.1f} s:")
        for name, address in shown.items():
            print(f"  {name:<26}{address}")
        print("", end="", flush=True)
        supervisor.watch()
    return 0
