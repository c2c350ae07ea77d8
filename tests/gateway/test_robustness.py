"""Anything may be asked over HTTP: every operation, with fitting and unfitting values, against the running services."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.testclient import TestClient
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.local.broker import Broker
from deploy.local.database import Database
from deploy.local.parts import environment, platform_parts
from deploy.local.ports import Ports
from deploy.local.supervise import PartServer
from services.contracts.deskstream.v1 import intake_pb2
from services.gateway.app import create_app
from services.gateway.operations import OPERATIONS, Operation
from services.gateway.settings import GatewaySettings
from services.runtime.identity import Principal, Signer, make_keys

FINE = frozenset({200, 201, 202, 400, 401, 403, 404, 405, 409, 422})
ROLES = frozenset(
    {
        *("specialist", "team_leader", "desk_manager", "supervisor", "project_manager", "engineer", "quality"),
        *("operations_manager", "administrator", "reporter", "channel_adapter"),
    }
)
TEXTS = st.one_of(
    st.sampled_from(
        ["", "itss_desk", "DS20261121-000001", "2026-11", "2026", "2026-Q4", "0001-01", "9999-12-31..0001-01-01",
         "9999", "2026-13", "team:desk", "person:", "role:x", "all", "web", "x" * 3000, "\x00", "..", "%", "'\"<>",
         "\r\nA: b",
         "9999-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2026-11-21T02:00:00Z", "长" * 200, "$where", "P1", "-1",
         "1e999", "li.wei", "tickets", "kpis", "claim", "close", "reassign"]
    ),
    st.text(max_size=30),
)  # fmt: skip
KNOWN = {"profile": st.just("itss_desk"), "name": st.just("itss_desk"), "channel": st.just("web"), "kpi": st.just("N1")}
"""What most questions name rightly, so that they get further than the door."""
ODD: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.just("\ud800"), st.just([]), st.just({"a": [1]})
)


class Asker(TestClient):
    """A client that knows where the server behind the gateway logs, for what a failure wants to show."""

    log: Path


@pytest.fixture(scope="module")
def client(broker: Broker, database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asker]:
    folder = tmp_path_factory.mktemp("robust")
    vhost = f"robust-{secrets.token_hex(4)}"
    ports = Ports(folder)
    make_keys(folder / "keys")
    env = environment(broker.add_vhost(vhost), database.uri, folder, ports)
    env["DESKSTREAM_DATABASE_PREFIX"] = f"robust{secrets.token_hex(4)}"
    part = next(one for one in platform_parts(env, ports) if one.name == "server")
    server = PartServer(part, folder)
    gateway = GatewaySettings(
        grpc_target=env["DESKSTREAM_GRPC_TARGET"],
        service_token=folder / "keys" / "service.token",
        public_rate="9999/second",
    )
    token = Signer.from_file(folder / "keys" / "token.jwk").sign(
        Principal("li.wei", "李伟", ROLES, frozenset({"desk"}), "hq")
    )
    try:
        server.start()
        server.wait_ready(90)
        with Asker(create_app(gateway), follow_redirects=False) as made:
            made.headers["Authorization"] = f"Bearer {token}"
            made.log = server.log
            yield made
    finally:
        server.stop()
        broker.delete_vhost(vhost)


def fitting(field: FieldDescriptor, depth: int) -> st.SearchStrategy[Any]:
    """Values that JSON may hold in this field."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return st.dictionaries(TEXTS, TEXTS, max_size=3)
    one: st.SearchStrategy[Any] = TEXTS
    if message is not None and message.full_name != "google.protobuf.Timestamp":
        one = bodies(message, depth + 1)
    elif field.enum_type is not None:
        one = st.sampled_from([value.name for value in field.enum_type.values]) | st.integers(-1, 99)
    elif field.type == FieldDescriptor.TYPE_BOOL:
        one = st.booleans()
    elif field.type in (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_INT64):
        one = st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31), 10])
    return st.lists(one, max_size=3) if field.is_repeated else one


def bodies(message: Any, depth: int = 0) -> st.SearchStrategy[dict[str, Any]]:
    """JSON objects of a message, now and then with a value that does not fit."""
    if depth > 3:
        return st.just({})
    parts = {part.json_name: st.one_of(fitting(part, depth), fitting(part, depth), ODD) for part in message.fields}
    return st.fixed_dictionaries({}, optional=parts)


def _likely(name: str) -> st.SearchStrategy[str]:
    return st.one_of(KNOWN[name], KNOWN[name], TEXTS) if name in KNOWN else TEXTS


@st.composite
def asked(draw: st.DrawFn, operation: Operation) -> tuple[str, dict[str, str], bytes]:
    path = operation.path.replace(":path", "")
    for name in [part[1:-1] for part in path.split("/") if part.startswith("{")]:
        path = path.replace(f"{{{name}}}", quote(draw(_likely(name)) or "-", safe=""))
    names = [part.name for part in operation.asked.DESCRIPTOR.fields] + ["lang"]
    query = draw(st.fixed_dictionaries({}, optional={name: _likely(name) for name in names}))
    body = json.dumps(draw(bodies(operation.asked.DESCRIPTOR))).encode() if operation.verb == "POST" else b""
    return path, query, body


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.method)
def test_whatever_an_operation_is_asked_it_answers_without_breaking(client: Asker, operation: Operation) -> None:
    """A7: a refusal says why; no input is a traceback."""

    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(asked(operation))
    def ask(question: tuple[str, dict[str, str], bytes]) -> None:
        path, query, body = question
        told = client.request(operation.verb, path, params=query, content=body)
        assert told.status_code in FINE, (told.status_code, told.text[:300], client.log.read_text()[-3000:])
        assert "Traceback" not in told.text

    ask()


@settings(max_examples=60, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(body=bodies(intake_pb2.RequestDraft.DESCRIPTOR), door=st.sampled_from(["/api/v1/requests", "/hooks/web/form"]))
def test_whatever_is_filed_is_taken_or_refused_with_a_reason(client: Asker, body: Any, door: str) -> None:
    """A7, A24."""
    told = client.post(door, content=json.dumps(body).encode())
    assert told.status_code in FINE, (told.status_code, told.text[:300], client.log.read_text()[-3000:])


@settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(fields=st.dictionaries(st.sampled_from(["name", "description", "occurred_at", "profile", "phone", "x"]), TEXTS))
def test_whatever_stands_in_the_form_a_page_comes_back(client: Asker, fields: dict[str, str]) -> None:
    """A7."""
    told = client.post("/request", data=fields)
    assert told.status_code in FINE, (told.status_code, told.text[:300])


@settings(max_examples=25, deadline=None, database=None, suppress_health_check=list(HealthCheck))
@given(profile=TEXTS, period=TEXTS, what=TEXTS)
def test_whatever_is_exported_its_header_is_one(client: Asker, profile: str, period: str, what: str) -> None:
    """N12."""
    path = "/".join(quote(part or "-", safe="") for part in (profile, period, what))
    assert client.get(f"/api/v1/reports/{path}.csv").status_code in FINE
