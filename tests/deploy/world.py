"""What is deployed, read from docker-compose.yml and k8s/ by the tools that operators use."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from services.runtime.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
PASSWORDS = {"BROKER_PASSWORD": "letters1", "DATABASE_PASSWORD": "letters2"}
K8S = ("base", "overlays/dev", "overlays/production")


@dataclass(frozen=True)
class Process:
    """One process of ours as a deployment starts it; secrets of Kubernetes are not in `env`."""

    name: str
    module: str
    role: str
    env: Mapping[str, str]
    spec: Mapping[str, Any]

    @property
    def service(self) -> str:
        return self.module.removeprefix("services.")


def run(*argv: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """A tool of the virtual environment, with nothing of this process's own environment but PATH and HOME."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [str(part) for part in argv],
        cwd=ROOT,
        env={**kept, **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def compose_config(**env: str) -> subprocess.CompletedProcess[str]:
    """`docker compose config` with the example's variables, and these over them."""
    example = ROOT / "deploy" / "compose.env.example"
    return run(BIN / "docker-compose", "--env-file", example, "config", "--format", "json", **env)


@cache
def compose() -> dict[str, Any]:
    """docker-compose.yml as the engine would get it."""
    told = compose_config(**PASSWORDS)
    assert told.returncode == 0, told.stderr
    whole: dict[str, Any] = json.loads(told.stdout)
    return whole


@cache
def manifests(folder: str) -> tuple[dict[str, Any], ...]:
    """Every object that `kubectl apply -k k8s/<folder>` would send."""
    told = run(BIN / "kubectl", "kustomize", ROOT / "k8s" / folder)
    assert told.returncode == 0, told.stderr
    return tuple(yaml.safe_load_all(told.stdout))


def of_kind(folder: str, kind: str) -> dict[str, dict[str, Any]]:
    """Objects of one kind by name."""
    return {one["metadata"]["name"]: one for one in manifests(folder) if one["kind"] == kind}


def compose_processes() -> dict[str, Process]:
    """The long-running containers of our image."""
    found = {}
    for name, spec in compose()["services"].items():
        if spec["image"].startswith("deskstream") and spec.get("restart"):
            module, role = spec["command"]
            found[name] = Process(name, module, role, spec["environment"], spec)
    return found


def k8s_processes(folder: str) -> dict[str, Process]:
    """The Deployments; `spec` is the one of their pods."""
    maps = {name: one["data"] for name, one in of_kind(folder, "ConfigMap").items()}
    found = {}
    for name, one in of_kind(folder, "Deployment").items():
        pod = one["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        env: dict[str, str] = {}
        for source in container.get("envFrom", ()):
            env.update(maps[source["configMapRef"]["name"]] if "configMapRef" in source else {})
        env.update({row["name"]: row["value"] for row in container.get("env", ())})
        module, role = container["args"]
        found[name] = Process(name, module, role, env, pod)
    return found


def settings_of(service: str) -> type[Settings]:
    """What this service reads from the environment."""
    if not (ROOT / "services" / service / "settings.py").exists():
        return Settings
    module = importlib.import_module(f"services.{service}.settings")
    own = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Settings)]
    return next(one for one in own if one is not Settings)


def variables(settings: type[Settings]) -> Iterator[tuple[str, str]]:
    """Environment variable and field of each setting."""
    for field, about in settings.model_fields.items():
        yield str(about.validation_alias or f"{settings.model_config['env_prefix']}{field}".upper()), field


@cache
def services() -> tuple[str, ...]:
    """Packages that can be run."""
    return tuple(sorted(path.parent.name for path in (ROOT / "services").glob("*/__main__.py")))


@cache
def roles(service: str) -> frozenset[str]:
    """The roles that a service itself says it has."""
    told = run(sys.executable, "-m", f"services.{service}").stderr
    assert told.startswith("Say which role to run"), told
    return frozenset(told.split()[-1].rstrip(".").split("|"))
