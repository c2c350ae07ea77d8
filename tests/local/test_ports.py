"""Ports: kept over restarts, and a sentence when one is taken."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.children import Trouble
from deploy.local.ports import Ports, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_restart_keeps_every_port(tmp_path: Path) -> None:
    first = {name: Ports(tmp_path).get(name) for name in ("broker", "database", "grpc")}
    assert len(set(first.values())) == 3
    assert {name: Ports(tmp_path).get(name) for name in first} == first


def test_a_preferred_port_that_is_taken_is_only_a_wish(tmp_path: Path, taken: int) -> None:
    port = Ports(tmp_path).get("gateway", preferred=taken)
    assert port != taken
    assert is_free(port)


def test_a_wanted_port_that_is_taken_names_the_remedy(
    tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DESKSTREAM_GATEWAY_PORT", str(taken))
    with pytest.raises(
        Trouble, match=f"Port {taken} for gateway .* taken .* set DESKSTREAM_GATEWAY_PORT to a free port"
    ):
        Ports(tmp_path).get("gateway")


def test_a_remembered_port_that_is_taken_names_the_remedy(tmp_path: Path, taken: int) -> None:
    (tmp_path / "ports.json").write_text(json.dumps({"broker": taken}))
    with pytest.raises(Trouble, match="DESKSTREAM_BROKER_PORT"):
        Ports(tmp_path).get("broker")


def test_a_port_that_is_no_number_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DESKSTREAM_GATEWAY_PORT", "eighty")
    with pytest.raises(Trouble, match="DESKSTREAM_GATEWAY_PORT=eighty is not a port"):
        Ports(tmp_path).get("gateway")


def test_a_damaged_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "ports.json").write_text("{")
    with pytest.raises(Trouble, match="damaged"):
        Ports(tmp_path).get("broker")
