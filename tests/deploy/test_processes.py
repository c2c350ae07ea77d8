"""Compose and Kubernetes start every process there is, with variables that it reads and values that it takes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from services.__main__ import SERVICES
from services.runtime.settings import Settings
from tests.deploy.world import (
    K8S,
    ROOT,
    Process,
    compose_processes,
    k8s_processes,
    roles,
    services,
    settings_of,
    variables,
)

PLACES = ["compose", *K8S]
DESKS = [
    name.removesuffix("_target") for name in Settings.model_fields if name.endswith("_target") and name != "grpc_target"
]


def deployed(place: str) -> Mapping[str, Process]:
    return compose_processes() if place == "compose" else k8s_processes(place)


@pytest.mark.parametrize("place", PLACES)
def test_every_role_of_every_service_is_deployed_once(place):
    started = sorted((one.service, one.role) for one in deployed(place).values())
    assert started == sorted((service, role) for service in services() for role in roles(service))


def test_every_service_that_clients_look_for_has_a_worker_and_a_server():
    assert sorted(DESKS) == sorted(SERVICES)
    for service in DESKS:
        assert {"worker", "server"} <= roles(service)


@pytest.mark.parametrize("place", PLACES)
def test_processes_are_named_after_service_and_role(place):
    for name, one in deployed(place).items():
        assert name in {f"{one.service}-{one.role}", one.service}


@pytest.mark.parametrize("place", PLACES)
def test_no_process_is_given_a_variable_that_it_does_not_read(place):
    unread = {
        name: unknown
        for name, one in deployed(place).items()
        if (unknown := one.env.keys() - dict(variables(settings_of(one.service))).keys())
    }
    assert not unread


@pytest.mark.parametrize("place", PLACES)
def test_every_process_takes_the_values_it_is_given(place, monkeypatch):
    for one in deployed(place).values():
        with monkeypatch.context() as environment:
            for name, value in one.env.items():
                environment.setenv(name, value)
            settings = settings_of(one.service)()
        assert settings.metrics_port == 9090
        if one.service == "gateway":
            assert {service: settings.target(service) for service in DESKS} == {
                service: f"{service}-server:50051" for service in DESKS
            }
        if one.role == "server" and one.service != "gateway":
            assert settings.grpc_bind == "0.0.0.0:50051"


@pytest.mark.parametrize("place", PLACES)
def test_only_those_who_sign_are_given_the_signing_key(place):
    """Directory signs people's tokens, notifications signs survey links; the rest verifies (P-group)."""
    signing = {
        service
        for service in services()
        if any("token_private_key" in path.read_text("utf-8") for path in (ROOT / "services" / service).rglob("*.py"))
    }
    given = {one.service for one in deployed(place).values() if "DESKSTREAM_TOKEN_PRIVATE_KEY" in one.env}
    assert given == signing
    for one in deployed(place).values():
        holds = "DESKSTREAM_TOKEN_PRIVATE_KEY" in one.env
        if place == "compose":
            mounted = any(volume["source"] == "keys" for volume in one.spec.get("volumes", ()))
        else:
            items = [item for volume in one.spec["volumes"] for item in volume.get("secret", {}).get("items", ())]
            mounted = any(item["key"] == "token.jwk" for item in items)
        assert mounted == holds, one.name


def test_every_image_is_named_with_its_minor_version():
    text = "\n".join(
        path.read_text("utf-8")
        for path in [ROOT / "docker-compose.yml", ROOT / "deploy" / "Dockerfile", *(ROOT / "k8s").rglob("*.yaml")]
    )
    tagged = re.findall(r"^(?:FROM|\s*image:) +(\S+:\S+?)(?:\s|\}|$)", text, re.MULTILINE)
    assert any(one.startswith("rabbitmq:4.") for one in tagged)
    for one in [*tagged, *re.findall(r'newTag: "?([^"}]+)', text)]:
        assert re.search(r"\d+\.\d+", one), f"{one} floats"
    assert "latest" not in text
