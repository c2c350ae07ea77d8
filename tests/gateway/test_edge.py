"""The HTTP edge alone: bounds, headers, problems, OpenAPI; journeys show it with the services behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from pydantic import ValidationError
from starlette.requests import Request

from services.contracts.deskstream.v1 import intake_pb2
from services.gateway.app import create_app
from services.gateway.edge import Edge
from services.gateway.operations import OPERATIONS
from services.gateway.peers import Peers
from services.gateway.settings import GatewaySettings


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    # Nothing listens on the discard port: the services are away.
    settings = GatewaySettings(
        grpc_target="127.0.0.1:9", max_body=2_000, public_rate="3/minute", service_token=tmp_path / "none"
    )
    with TestClient(create_app(settings), follow_redirects=False) as made:
        yield made


def test_a_body_over_the_bound_is_refused_before_it_is_read_whole(client: TestClient) -> None:
    told = client.post("/api/v1/requests", content=b"x" * 3_000)
    assert told.status_code == 413


def test_services_that_are_away_are_told_as_try_again(client: TestClient) -> None:
    told = client.post("/api/v1/requests", json={"title": "打印机"})
    assert told.status_code == 503
    assert told.headers["content-type"] == "application/problem+json"
    assert "try again" in told.json()["detail"]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"noSuchField": 1}', b'{"title": {"a": 1}}', b'{"fields": "\\ud800"}'])
def test_a_json_body_that_does_not_fit_is_refused_with_the_reason(client: TestClient, body: bytes) -> None:
    told = client.post("/api/v1/requests", content=body)
    assert told.status_code == 400
    assert "does not fit" in told.json()["detail"]


def test_an_address_with_a_slash_more_is_another_one(client: TestClient) -> None:
    assert client.get("/api/v1/queues/all/").status_code == 404


def test_a_wrong_argument_of_the_address_is_refused(client: TestClient) -> None:
    assert client.get("/api/v1/queues/all?pageSize=many&page_size=many").status_code == 400


def test_an_address_that_tries_too_often_is_told_to_wait(client: TestClient) -> None:
    codes = [client.post("/api/v1/tokens", json={"person": "a", "password": "b"}).status_code for _ in range(4)]
    assert codes == [503, 503, 503, 429]


def test_a_cookie_is_good_for_reading_only(client: TestClient) -> None:
    """A forged cross-site post carries the cookie; the edge must not turn it into an identity."""
    client.cookies.set("deskstream_token", "x")
    assert client.get("/wallboard").status_code == 503
    client.cookies.clear()
    assert client.get("/wallboard").headers["location"] == "/sign-in"


def test_every_page_forbids_foreign_scripts_and_frames(client: TestClient) -> None:
    told = client.get("/sign-in")
    assert "default-src 'self'" in told.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in told.headers["content-security-policy"]


def test_pages_speak_the_reader_s_language(client: TestClient) -> None:
    assert "登录" in client.get("/sign-in").text
    assert "Sign in" in client.get("/sign-in", headers={"Accept-Language": "en-GB"}).text
    assert "Sign in" in client.get("/sign-in?lang=en").text


def test_openapi_knows_every_operation_and_every_field_of_a_draft(client: TestClient) -> None:
    document = client.get("/api/v1/openapi.json").json()
    for operation in OPERATIONS:
        assert operation.verb.lower() in document["paths"][operation.path.replace(":path", "")]
    draft = document["components"]["schemas"]["RequestDraft"]["properties"]
    assert set(draft) == {field.json_name for field in intake_pb2.RequestDraft.DESCRIPTOR.fields}


def test_readiness_names_what_is_away(client: TestClient) -> None:
    """T10: probes fail when dependencies fail."""
    assert client.get("/healthz").status_code == 200
    told = client.get("/readyz")
    assert told.status_code == 503
    assert "127.0.0.1:9" in told.text


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.5", "198.51.100.7", "203.0.113.5"),
        ("10.20.0.9", "198.51.100.7", "198.51.100.7"),
        ("10.20.0.9", "6.6.6.6, 198.51.100.7, 10.20.3.3", "198.51.100.7"),
        ("10.20.0.9", "", "10.20.0.9"),
        ("10.20.0.9", "nonsense", "10.20.0.9"),
        ("192.0.2.1", "198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("::ffff:10.20.0.9", "198.51.100.7", "198.51.100.7"),
    ],
)
def test_who_asks_is_the_nearest_address_that_is_no_trusted_proxy(peer: str, forwarded: str, counted: str) -> None:
    """Proxies of a cluster have any address of a network; what stands left of them anybody may have written."""
    settings = GatewaySettings(trusted_proxies="10.20.0.0/16, 192.0.2.1")
    headers = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
    request = Request({"type": "http", "client": (peer, 1), "headers": headers})
    assert _edge(settings).address(request) == counted


@pytest.mark.parametrize("setting", [{"trusted_proxies": "10.0.0.0/99"}, {"public_rate": "often"}])
def test_a_setting_that_is_none_is_refused_at_the_start(setting: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate(setting)


@pytest.mark.parametrize("token", ["ü", "a\tb", "\u00ff" * 9])
def test_a_token_that_cannot_travel_is_refused_like_any_other(client: TestClient, token: str) -> None:
    headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
    assert client.get("/api/v1/tickets/DS20261121-000001", headers=headers).status_code == 503


def test_what_people_wrote_is_kept_by_no_browser(client: TestClient) -> None:
    assert client.get("/sign-in").headers["cache-control"] == "no-store"
    assert "cache-control" not in client.get("/static/desk.css").headers


def test_the_form_s_json_twin_is_open_and_counted(client: TestClient) -> None:
    """A7: the web form as JSON, for anybody, as often as the form itself."""
    codes = [client.post("/hooks/web/form", json={"description": "x"}).status_code for _ in range(4)]
    assert codes == [503, 503, 503, 429]
    assert client.post("/hooks/fax/form", json={}).status_code == 404


class _NoPeers(Peers):
    def __init__(self) -> None:
        """Nobody is asked."""


def _edge(settings: GatewaySettings) -> Edge:
    return Edge(settings, _NoPeers())
