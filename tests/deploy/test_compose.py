"""docker-compose.yml says yes to the example with passwords, and no in one sentence without them."""

from __future__ import annotations

import pytest

from tests.deploy.world import PASSWORDS, ROOT, compose, compose_config, compose_processes


@pytest.mark.parametrize("missing", sorted(PASSWORDS))
def test_a_missing_password_is_told_in_one_sentence_with_the_remedy(missing):
    told = compose_config(**{name: value for name, value in PASSWORDS.items() if name != missing})
    assert told.returncode != 0
    (sentence,) = told.stderr.strip().splitlines()
    assert f"{missing} is missing" in sentence
    assert "set it in .env as deploy/compose.env.example shows" in sentence


def test_no_password_stands_in_the_repository():
    example = (ROOT / "deploy" / "compose.env.example").read_text("utf-8").splitlines()
    secret = [line for line in example if line.split("=")[0].endswith(("PASSWORD", "SECRET", "TOKEN", "KEY"))]
    assert len(secret) >= 6
    assert all(line.endswith("=") for line in secret)


def test_the_example_names_every_variable_of_compose():
    import re

    asked = set(re.findall(r"\$\{([A-Z_]+)", (ROOT / "docker-compose.yml").read_text("utf-8")))
    example = (ROOT / "deploy" / "compose.env.example").read_text("utf-8").splitlines()
    assert {line.split("=")[0] for line in example if line and not line.startswith("#")} == asked


def test_our_containers_have_no_rights_and_no_writable_disk():
    ours = {name: one for name, one in compose()["services"].items() if one["image"].startswith("deskstream")}
    assert {"keys", "public-keys", "gateway"} <= ours.keys()
    for one in ours.values():
        assert one["user"] == "10001:10001"
        assert one["read_only"] is True
        assert one["cap_drop"] == ["ALL"]
        assert one["security_opt"] == ["no-new-privileges:true"]


def test_every_process_has_a_health_check_and_bounds():
    for one in compose_processes().values():
        assert "http://127.0.0.1:9090/healthz" in one.spec["healthcheck"]["test"][-1]
        assert int(one.spec["mem_limit"]) > 0
        assert one.spec["pids_limit"] > 0
    for store in ("rabbitmq", "mongo"):
        assert compose()["services"][store]["healthcheck"]["test"]


def test_only_the_two_doors_are_open_and_only_to_this_host():
    open_ports = {
        (name, port["host_ip"], int(port["published"]))
        for name, one in compose()["services"].items()
        for port in one.get("ports", ())
    }
    assert open_ports == {("gateway", "127.0.0.1", 8080), ("intake-smtp", "127.0.0.1", 2525)}


def test_the_gateway_cannot_reach_broker_or_database():
    reach = {name: set(one.get("networks") or ()) for name, one in compose()["services"].items()}
    assert reach["gateway"].isdisjoint(reach["rabbitmq"] | reach["mongo"])
    for name, one in compose_processes().items():
        assert reach[name] & reach["rabbitmq"] if "AMQP_URI" in one.env else name == "gateway"


def test_volumes_that_we_write_belong_to_our_user_in_the_image():
    """A new named volume takes the owner of the folder it covers."""
    made = next(
        line
        for line in (ROOT / "deploy" / "Dockerfile").read_text("utf-8").splitlines()
        if "install -d -o 10001" in line
    )
    written = {
        volume["target"]
        for one in compose()["services"].values()
        if one["image"].startswith("deskstream")
        for volume in one.get("volumes", ())
        if not volume.get("read_only")
    }
    assert written == {"/keys", "/keys-public", "/attachments"}
    assert written <= set(made.split())
