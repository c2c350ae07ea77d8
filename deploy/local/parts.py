"""The platform's processes on a laptop: every service in one worker and one server, and the edges of the house."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from deploy.local import probes
from deploy.local.ports import LOOPBACK, Ports
from deploy.local.supervise import Part

ROOT = Path(__file__).resolve().parents[2]


PREFERRED = {"grpc": 50051, "gateway": 8080, "smtp": 2525}


def environment(amqp_uri: str, mongodb_uri: str, run: Path, ports: Ports) -> dict[str, str]:
    """What every process of the platform is told (services/runtime/settings.py reads it)."""
    grpc, gateway, smtp = (ports.get(name, port) for name, port in PREFERRED.items())
    keys = run / "keys"
    return {
        "AMQP_URI": amqp_uri,
        "MONGODB_URI": mongodb_uri,
        "DESKSTREAM_POLICY_DIR": str(ROOT / "deploy" / "policy"),
        "DESKSTREAM_GRPC_BIND": f"{LOOPBACK}:{grpc}",
        "DESKSTREAM_GRPC_TARGET": f"{LOOPBACK}:{grpc}",
        "DESKSTREAM_GATEWAY_BIND": f"{LOOPBACK}:{gateway}",
        "DESKSTREAM_PUBLIC_URL": f"http://{LOOPBACK}:{gateway}",
        "DESKSTREAM_SMTP_BIND": f"{LOOPBACK}:{smtp}",
        "DESKSTREAM_MAIL_HOST": LOOPBACK,
        "DESKSTREAM_MAIL_PORT": str(ports.get("mail")),
        "DESKSTREAM_MAILBOX": str(run / "mailbox"),
        "DESKSTREAM_ATTACHMENTS_DIR": str(run / "attachments"),
        "DESKSTREAM_TOKEN_PRIVATE_KEY": str(keys / "token.jwk"),
        "DESKSTREAM_TOKEN_PUBLIC_KEY": str(keys / "token.pub.jwk"),
        "DESKSTREAM_SERVICE_TOKEN": str(keys / "service.token"),
        "DESKSTREAM_WEBHOOK_SECRET": os.environ.get("DESKSTREAM_WEBHOOK_SECRET")
        or _kept_secret(keys / "webhook.secret"),
    }


def platform_parts(env: Mapping[str, str], ports: Ports) -> list[Part]:
    """The processes in the order they are waited for. `env` is what `environment` gave, with anything of one's own."""

    def part(name: str, module: str, role: str, ready: probes.Probe, **more: str) -> Part:
        return Part(name, [sys.executable, "-m", module, *role.split()], {**env, **more}, ready, cwd=ROOT)

    worker_metrics = ports.get("worker_metrics")
    return [
        part(
            "worker",
            "services",
            "all worker",
            probes.http(f"http://{LOOPBACK}:{worker_metrics}/readyz"),
            DESKSTREAM_METRICS_PORT=str(worker_metrics),
        ),
        Part(
            "mailbox",
            [sys.executable, "-m", "deploy.local.mailbox", env["DESKSTREAM_MAILBOX"], env["DESKSTREAM_MAIL_PORT"]],
            env,
            probes.tcp(int(env["DESKSTREAM_MAIL_PORT"])),
            cwd=ROOT,
        ),
        part("server", "services", "all server", probes.grpc_health(env["DESKSTREAM_GRPC_TARGET"])),
        part("smtp", "services.intake", "smtp", probes.tcp(_port(env["DESKSTREAM_SMTP_BIND"]))),
        part("gateway", "services.gateway", "server", probes.tcp(_port(env["DESKSTREAM_GATEWAY_BIND"]))),
    ]


def addresses(env: Mapping[str, str]) -> dict[str, str]:
    """What a newcomer wants to open, by its name."""
    return {
        "request form": f"{env['DESKSTREAM_PUBLIC_URL']}/request",
        "wallboard": f"{env['DESKSTREAM_PUBLIC_URL']}/wallboard",
        "OpenAPI": f"{env['DESKSTREAM_PUBLIC_URL']}/api/v1/openapi.json",
        "e-mail to the desk (SMTP)": env["DESKSTREAM_SMTP_BIND"],
        "e-mail from the desk": env["DESKSTREAM_MAILBOX"],
        "gRPC": env["DESKSTREAM_GRPC_TARGET"],
    }


def _kept_secret(file: Path) -> str:
    """A random secret of this installation, made once; whoever receives its webhooks reads it there."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as stream:
            stream.write(secrets.token_urlsafe(24))
    return file.read_text()


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])
